/** What the ledger says of the creators of a file. */
import type { MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { verifyLedger } from '../../ledger/verify.ts';

/** Minor units. */
export interface LedgerTotals {
  /** Went into the hold. */
  held: bigint;
  /** Came out of the hold and could be paid. */
  locked: bigint;
  /** Is in the hold now. */
  onHold: bigint;
}

export async function ledgerTotals(orm: MikroORM, creatorIds: string[]): Promise<LedgerTotals> {
  const { rows } = await sql<{ held: string; locked: string; on_hold: string }>`
    select coalesce(sum(p.amount) filter (where a.kind = 'pending' and e.type = 'earning_accrued'), 0) as held,
           coalesce(sum(p.amount) filter (where a.kind = 'available' and e.type = 'earning_locked'), 0) as locked,
           coalesce(sum(p.amount) filter (where a.kind = 'pending'), 0) as on_hold
      from ledger_account a
      join posting p on p.account_id = a.id
      join journal_entry e on e.id = p.entry_id
     where a.owner_type = 'creator' and a.owner_id = any (${creatorIds}::uuid[]) and a.kind in ('pending', 'available')`.execute(
    orm.em.fork().getKysely(),
  );
  const { held, locked, on_hold: onHold } = rows[0]!;
  return { held: BigInt(held), locked: BigInt(locked), onHold: BigInt(onHold) };
}

/** Minor units that left what Stripe keeps for us, for these payouts and less what came back. */
export async function settledByLedger(orm: MikroORM, payoutIds: string[]): Promise<bigint> {
  const { rows } = await sql<{ total: string }>`
    select coalesce(sum(p.amount), 0) as total
      from journal_entry e
      join posting p on p.entry_id = e.id
      join ledger_account a on a.id = p.account_id
     where e.correlation_id = any (${payoutIds.map((id) => `payout:${id}`)}::text[])
       and a.owner_type = 'rail' and a.rail = 'stripe' and a.kind = 'cash'`.execute(orm.em.fork().getKysely());
  return BigInt(rows[0]!.total);
}

/** The first difference of each kind; none: everything adds up. */
export async function ledgerDifferences(orm: MikroORM): Promise<string[]> {
  const { differences } = await verifyLedger(orm.em.fork());
  return differences.map(({ check, subject, detail }) => `${check}: ${subject} ${detail}`);
}
