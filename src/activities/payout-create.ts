import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { Problem } from '../domain/problems.ts';
import type { PostedBy } from '../ledger/post.ts';
import { reservePayouts } from './payout-reserve.ts';

/** What staff ask for. It needs no approval and no minimum. */
export interface PayoutRequest {
  creatorId: string;
  /** Minor units; null: all that is locked. */
  amount: string | null;
  /** Null: the creator's. */
  currency: string | null;
  method: 'stripe' | 'manual';
  referenceId: string | null;
  actor: string;
}

interface Candidate {
  creator_status: string;
  currency: string;
  account_status: string | null;
  available: string;
  exists: boolean;
  open: boolean;
  reference_used: boolean;
}

/** Errors: `not_found`, `currency_mismatch`, `account_restricted`, `onboarding_incomplete`, `insufficient_balance`, `conflict`. */
export async function createPayout(
  em: EntityManager,
  request: PayoutRequest & { payoutId: string },
  by: PostedBy,
): Promise<void> {
  const { payoutId, creatorId, method, referenceId } = request;
  const { rows } = await sql<Candidate>`
    select c.status as creator_status, c.currency, a.status as account_status,
           coalesce((select l.balance from ledger_account l where l.owner_type = 'creator' and l.owner_id = c.id
                       and l.kind = 'available' and l.currency = c.currency and l.book = 'main'), 0) as available,
           exists (select from payout p where p.id = ${payoutId}) as exists,
           exists (select from payout p where p.creator_id = c.id and p.currency = c.currency and p.status in
                     ('pending', 'approved', 'processing', 'in_transit', 'held', 'outcome_unknown')) as open,
           exists (select from payout p where p.creator_id = c.id and p.reference_id = ${referenceId}) as reference_used
      from creator c left join creator_payment_account a on a.creator_id = c.id
     where c.id = ${creatorId} and c.status <> 'deleted' for no key update of c`.execute(em.getKysely());
  const found = rows[0];
  if (!found) throw new Problem('not_found', 'There is no such creator.');
  if (found.exists) return;
  const amount = BigInt(request.amount ?? found.available);
  refuse(found, request, amount);
  await sql`
    insert into payout (id, creator_id, request_key, status, amount, currency, method, reference_id, requested_by)
    values (${payoutId}, ${creatorId}, ${`request:${payoutId}`}, 'approved', ${amount.toString()}, ${found.currency}, ${method}, ${referenceId}, ${by.actor})`.execute(
    em.getKysely(),
  );
  await reservePayouts(em, [payoutId], by);
}

function refuse(found: Candidate, { currency, method }: PayoutRequest, amount: bigint): void {
  if (currency !== null && currency !== found.currency) {
    throw new Problem('currency_mismatch', `The creator is paid in ${found.currency}.`);
  }
  if (found.creator_status === 'banned') throw new Problem('account_restricted', 'The creator is banned.');
  if (method === 'stripe' && found.account_status !== 'active') {
    throw found.account_status === 'restricted'
      ? new Problem('account_restricted', 'Stripe does not pay out to this account now.')
      : new Problem('onboarding_incomplete', 'The creator has not finished onboarding with Stripe.');
  }
  if (found.open) throw new Problem('conflict', 'Another payout to this creator is under way.');
  if (found.reference_used) throw new Problem('conflict', 'The creator has a payout with this reference.');
  if (amount <= 0n || amount > BigInt(found.available)) {
    throw new Problem(
      'insufficient_balance',
      `The creator can be paid ${found.available} ${found.currency} (minor units).`,
    );
  }
}
