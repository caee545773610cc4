import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { PostedBy } from '../ledger/post.ts';
import { postPayouts, type PayoutMoney } from './payout-ledger.ts';

const MONEY = sql`p.id, p.creator_id, p.currency, p.method, p.attempt, p.amount`;

/**
 * Sets the money of approved payouts aside and says which earnings they pay, oldest first. A payout whose creator has less than its
 * amount becomes `failed` with `insufficient_balance` and moves nothing. Payouts in another status are left alone.
 */
export async function reservePayouts(em: EntityManager, ids: string[], by: PostedBy): Promise<void> {
  const { rows: covered } = await sql<PayoutMoney>`
    with wanted as (
      select p.id, p.creator_id, p.currency, p.amount from payout p
       where p.id = any (${ids}::uuid[]) and p.status = 'approved' order by p.id for update
    ), weighed as (
      select w.id, coalesce(a.balance, 0) >= w.amount as enough
        from wanted w
        left join ledger_account a on a.owner_type = 'creator' and a.owner_id = w.creator_id
         and a.kind = 'available' and a.currency = w.currency and a.book = 'main'
    )
    update payout p
       set status = case when w.enough then 'processing' else 'failed' end,
           attempt = p.attempt + 1,
           transfer_id = null, bank_payout_id = null, updated_at = now(), polled_at = now(),
           failure_code = case when not w.enough then 'insufficient_balance' end,
           failure_reason = case when not w.enough then 'The balance is less than the amount of the payout' end,
           destination = (select a.provider_account_id from creator_payment_account a where a.creator_id = p.creator_id)
      from weighed w where p.id = w.id
    returning ${MONEY}, p.status`.execute(em.getKysely());
  const reserved = covered.filter((row) => 'status' in row && row.status === 'processing');
  if (reserved.length === 0) return;
  await postPayouts(em, 'payout_reserved', reserved, by);
  await allocateEarnings(
    em,
    reserved.map(({ id }) => id),
  );
}

/** Line items for each payout: its creator's unpaid locked earnings, oldest first, up to the amount; what they do not cover is one more line. */
async function allocateEarnings(em: EntityManager, ids: string[]): Promise<void> {
  await sql`
    with unpaid as (
      select p.id as payout_id, p.amount, p.attempt, e.id as earning_id, e.source_type, e.source_id, e.gross, e.fee, e.net, e.earned_at,
             e.net - e.paid_amount - e.clawed_back_amount as rest,
             sum(e.net - e.paid_amount - e.clawed_back_amount) over (partition by p.id order by e.earned_at, e.id) as upto
        from payout p
        join earning e on e.creator_id = p.creator_id and e.currency = p.currency and e.status = 'locked'
         and e.net > e.paid_amount + e.clawed_back_amount
       where p.id = any (${ids}::uuid[])
    ), taken as (
      select u.*, least(u.rest, u.amount - (u.upto - u.rest)) as take from unpaid u where u.upto - u.rest < u.amount
    ), lines as (
      insert into payout_line_item (payout_id, created_for, earning_id, source_type, source_id, description, gross, fee, net)
      select t.payout_id, t.attempt, t.earning_id, t.source_type, t.source_id,
             initcap(replace(t.source_type, '_', ' ')) || ' earnings of ' || to_char(t.earned_at at time zone 'UTC', 'YYYY-MM-DD'),
             t.take + case when t.net > 0 then t.fee * t.take / t.net else 0 end,
             case when t.net > 0 then t.fee * t.take / t.net else 0 end,
             t.take
        from taken t
    ), carried as (
      insert into payout_line_item (payout_id, created_for, source_type, description, gross, fee, net)
      select p.id, p.attempt, 'balance', 'Balance carried over', p.amount - coalesce(c.covered, 0), 0, p.amount - coalesce(c.covered, 0)
        from payout p left join (select payout_id, sum(take) as covered from taken group by payout_id) c on c.payout_id = p.id
       where p.id = any (${ids}::uuid[]) and p.amount > coalesce(c.covered, 0)
    )
    update earning e set paid_amount = e.paid_amount + t.take from taken t where e.id = t.earning_id`.execute(
    em.getKysely(),
  );
}

/** The earnings that these payouts were to pay are unpaid again. */
export async function releaseEarnings(em: EntityManager, ids: string[]): Promise<void> {
  await sql`
    with freed as (
      update payout_line_item l set released_at = now()
       where l.payout_id = any (${ids}::uuid[]) and l.released_at is null
      returning l.earning_id, l.net
    )
    update earning e set paid_amount = e.paid_amount - f.net, status = 'locked'
      from (select earning_id, sum(net) as net from freed where earning_id is not null group by earning_id) f
     where e.id = f.earning_id`.execute(em.getKysely());
}
