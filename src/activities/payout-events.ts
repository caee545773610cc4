import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { PostedBy } from '../ledger/post.ts';
import { postPayouts, type PayoutMoney } from './payout-ledger.ts';

/** What the provider says about a bank payout, by webhook or when asked. */
export interface BankPayoutWord {
  bankPayoutId: string;
  /** From the metadata that we sent: they find the payout even when the provider's word overtakes its answer. */
  payoutId: string | null;
  attempt: number | null;
  verdict: 'paid' | 'failed';
  code: string | null;
  message: string | null;
}

export interface AppliedWords {
  settled: string[];
  failed: string[];
  /** Completed ones that now have nothing left to be paid. */
  participations: string[];
}

const MATCHES = sql`(p.bank_payout_id = w.bank_payout_id or (p.bank_payout_id is null and p.id = w.payout_id and p.attempt = w.attempt))`;

/** A word about a bank payout also tells that it was made, should nobody have lived to write that down. */
const ANSWERED = sql`answered as (
  update payout_attempt a
     set status = 'succeeded', provider_id = h.bank_payout_id, code = null, message = null, finished_at = now()
    from heard h
   where a.payout_id = h.id and a.attempt = h.attempt and a.step = 'bank_payout' and a.status <> 'succeeded')`;

/**
 * Takes the provider's words in whatever order and number they come. Paid: the payout is `completed`, its earnings are paid. Failed,
 * even after it was paid: the money has to be fetched back. Returns what changed: their workflows
 * want to know, see {@link tellWorkflows}.
 */
export async function applyBankPayoutWords(
  em: EntityManager,
  words: BankPayoutWord[],
  by: PostedBy,
): Promise<AppliedWords> {
  const { settled, participations } = await settle(
    em,
    words.filter(({ verdict }) => verdict === 'paid'),
    by,
  );
  const failed = await markFailed(
    em,
    words.filter(({ verdict }) => verdict === 'failed'),
  );
  return { failed, settled, participations };
}

function table(words: BankPayoutWord[]) {
  return sql`unnest(${words.map((w) => w.bankPayoutId)}::text[], ${words.map((w) => w.payoutId)}::uuid[],
    ${words.map((w) => w.attempt)}::int[], ${words.map((w) => w.code)}::text[], ${words.map((w) => w.message)}::text[])
    as w (bank_payout_id, payout_id, attempt, code, message)`;
}

async function settle(em: EntityManager, words: BankPayoutWord[], by: PostedBy): Promise<Omit<AppliedWords, 'failed'>> {
  if (words.length === 0) return { settled: [], participations: [] };
  const { rows } = await sql<PayoutMoney>`
    with heard as (
      update payout p
         set status = 'completed', bank_payout_id = w.bank_payout_id, completed_at = now(), updated_at = now(),
             failure_code = null, failure_reason = null
        from ${table(words)}
       where ${MATCHES} and p.transfer_id is not null and not p.needs_return
         and p.status in ('in_transit', 'processing', 'outcome_unknown')
      returning p.id, p.creator_id, p.currency, p.method, p.attempt, p.amount, p.bank_payout_id
    ), ${ANSWERED} select id, creator_id, currency, method, attempt, amount from heard`.execute(em.getKysely());
  const settled = rows.map(({ id }) => id);
  await postPayouts(em, 'payout_settled', rows, by);
  return { settled, participations: await markEarningsPaid(em, settled) };
}

/** An earning is paid when all of it is. Returns the completed participations that have nothing left to be paid. */
export async function markEarningsPaid(em: EntityManager, payoutIds: string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with paid as (
      update earning e set status = 'paid'
        from payout_line_item l
       where l.payout_id = any (${payoutIds}::uuid[]) and l.released_at is null and e.id = l.earning_id
         and e.status = 'locked' and e.paid_amount + e.clawed_back_amount >= e.net
      returning e.id, e.source_id
    )
    select t.id from participation t
     where t.status = 'completed' and t.id in (select source_id from paid)
       and not exists (select from earning e where e.source_id = t.id and e.status in ('pending', 'locked')
                          and e.id not in (select id from paid))`.execute(em.getKysely());
  return rows.map(({ id }) => id);
}

async function markFailed(em: EntityManager, words: BankPayoutWord[]): Promise<string[]> {
  if (words.length === 0) return [];
  const { rows } = await sql<{ id: string }>`
    with heard as (
      update payout p
         set needs_return = true, bank_payout_id = w.bank_payout_id, failure_code = w.code, failure_reason = w.message, updated_at = now()
        from ${table(words)}
       where ${MATCHES} and p.transfer_id is not null and not p.needs_return
         and p.status in ('in_transit', 'processing', 'outcome_unknown', 'completed')
      returning p.id, p.attempt, p.bank_payout_id
    ), ${ANSWERED} select id from heard`.execute(em.getKysely());
  return rows.map(({ id }) => id);
}

/** Transfers that somebody reversed at the provider: the money is back on the platform and goes back to the creators. */
export async function applyReversedTransfers(em: EntityManager, transferIds: string[]): Promise<string[]> {
  if (transferIds.length === 0) return [];
  const { rows } = await sql<{ id: string }>`
    update payout set needs_return = true, failure_code = 'transfer_reversed', failure_reason = 'The transfer was reversed', updated_at = now()
     where transfer_id = any (${transferIds}) and not needs_return and status in ('in_transit', 'processing', 'outcome_unknown', 'completed')
    returning id`.execute(em.getKysely());
  return rows.map(({ id }) => id);
}
