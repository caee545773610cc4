import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { attemptKey } from '../domain/payouts.ts';
import type { PostedBy } from '../ledger/post.ts';
import type { StripeProvider } from '../providers/stripe/client.ts';
import { StripeFailure } from '../providers/stripe/errors.ts';
import { postPayouts, type PayoutMoney } from './payout-ledger.ts';
import { releaseEarnings } from './payout-reserve.ts';

interface Returning extends PayoutMoney {
  transfer_id: string;
  status: string;
}

/**
 * Fetches the money of a payout that the bank did not take back from the connected account and gives it back to the creator:
 * `failed`. Returns false where Stripe cannot reverse the transfer now (the account holds less): nothing changed then.
 */
export async function returnMoney(
  payoutId: string,
  deps: { orm: MikroORM; stripe: StripeProvider; by: PostedBy; signal: AbortSignal },
): Promise<{ returned: boolean; reason?: string }> {
  const { orm, stripe, by, signal } = deps;
  const { rows } = await sql<Returning>`
    select id, creator_id, currency, method, attempt, amount, transfer_id, status from payout
     where id = ${payoutId} and needs_return`.execute(orm.em.fork().getKysely());
  const payout = rows[0];
  if (!payout) return { returned: true };

  const idempotencyKey = await reversalKey(orm.em.fork(), payout);
  const transfer = await stripe.retrieveTransfer(payout.transfer_id, signal);
  let reversalId = 'reversed before';
  if (!transfer.reversed) {
    try {
      const reversal = await stripe.reverseTransfer(
        { transferId: transfer.id, idempotencyKey, metadata: { payout_id: payout.id } },
        signal,
      );
      reversalId = reversal.id;
    } catch (error) {
      if (!(error instanceof StripeFailure)) throw error;
      if (error.kind === 'refused') return { returned: false, reason: error.message };
      if ((error.httpStatus ?? 0) >= 500) await writeVoidedKey(orm.em.fork(), payout, idempotencyKey, error);
      throw error;
    }
  }
  await orm.em.fork().transactional((em) => writeReturn(em, payout, { reversalId, idempotencyKey }, by));
  return { returned: true };
}

/**
 * Stripe keeps an error of its own under the key and gives it again for a day, so the next try needs another key. It cannot take
 * money twice: Stripe reverses no more of a transfer than there is.
 */
async function reversalKey(em: EntityManager, { id, attempt }: Returning): Promise<string> {
  const { rows } = await sql<{ tries: number }>`
    select tries from payout_attempt where payout_id = ${id} and attempt = ${attempt} and step = 'reversal'`.execute(
    em.getKysely(),
  );
  const voided = rows[0]?.tries ?? 0;
  const key = attemptKey(id, 'reversal', attempt);
  return voided === 0 ? key : `${key}:${voided + 1}`;
}

async function writeVoidedKey(
  em: EntityManager,
  { id, attempt }: Returning,
  key: string,
  { code, message, requestId }: StripeFailure,
): Promise<void> {
  await sql`
    insert into payout_attempt (payout_id, attempt, step, idempotency_key, status, code, message, request_id, tries, finished_at)
    values (${id}, ${attempt}, 'reversal', ${key}, 'unknown', ${code}, ${message}, ${requestId ?? null}, 1, now())
    on conflict on constraint payout_attempt_step do update
      set idempotency_key = excluded.idempotency_key, code = excluded.code, message = excluded.message,
          request_id = excluded.request_id, tries = payout_attempt.tries + 1, finished_at = now()
    where payout_attempt.status <> 'succeeded'`.execute(em.getKysely());
}

async function writeReturn(
  em: EntityManager,
  payout: Returning,
  { reversalId, idempotencyKey }: { reversalId: string; idempotencyKey: string },
  by: PostedBy,
): Promise<void> {
  const { rows } = await sql<{ was: string }>`
    with before as (select id, status from payout where id = ${payout.id} and needs_return for update)
    update payout p set status = 'failed', needs_return = false, completed_at = null, updated_at = now()
      from before b where p.id = b.id returning b.status as was`.execute(em.getKysely());
  const was = rows[0]?.was;
  if (was === undefined) return;
  await sql`
    insert into payout_attempt (payout_id, attempt, step, idempotency_key, status, provider_id, finished_at)
    values (${payout.id}, ${payout.attempt}, 'reversal', ${idempotencyKey}, 'succeeded', ${reversalId}, now())
    on conflict on constraint payout_attempt_step do update
      set idempotency_key = excluded.idempotency_key, status = 'succeeded', provider_id = excluded.provider_id,
          code = null, message = null, finished_at = now()`.execute(em.getKysely());
  if (was === 'completed') await postPayouts(em, 'payout_unsettled', [payout], by);
  await postPayouts(em, 'payout_returned', [payout], by);
  await releaseEarnings(em, [payout.id]);
}
