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

  const transfer = await stripe.retrieveTransfer(payout.transfer_id, signal);
  let reversalId = 'reversed before';
  if (!transfer.reversed) {
    const idempotencyKey = attemptKey(payout.id, 'reversal', payout.attempt);
    try {
      const reversal = await stripe.reverseTransfer(
        { transferId: transfer.id, idempotencyKey, metadata: { payout_id: payout.id } },
        signal,
      );
      reversalId = reversal.id;
    } catch (error) {
      if (error instanceof StripeFailure && error.kind === 'refused') return { returned: false, reason: error.message };
      throw error;
    }
  }
  await orm.em.fork().transactional((em) => writeReturn(em, payout, reversalId, by));
  return { returned: true };
}

async function writeReturn(em: EntityManager, payout: Returning, reversalId: string, by: PostedBy): Promise<void> {
  const { rows } = await sql<{ was: string }>`
    with before as (select id, status from payout where id = ${payout.id} and needs_return for update)
    update payout p set status = 'failed', needs_return = false, completed_at = null, updated_at = now()
      from before b where p.id = b.id returning b.status as was`.execute(em.getKysely());
  const was = rows[0]?.was;
  if (was === undefined) return;
  await sql`
    insert into payout_attempt (payout_id, attempt, step, idempotency_key, status, provider_id, finished_at)
    values (${payout.id}, ${payout.attempt}, 'reversal', ${attemptKey(payout.id, 'reversal', payout.attempt)}, 'succeeded', ${reversalId}, now())
    on conflict on constraint payout_attempt_step do nothing`.execute(em.getKysely());
  if (was === 'completed') await postPayouts(em, 'payout_unsettled', [payout], by);
  await postPayouts(em, 'payout_returned', [payout], by);
  await releaseEarnings(em, [payout.id]);
}
