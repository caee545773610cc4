import type { EntityManager } from '@mikro-orm/postgresql';
import { sql, type RawBuilder } from 'kysely';
import type { PayoutSchedule } from '../../domain/payouts.ts';

/** What may be paid to whom in a currency, and if not, why: the first reason counts, all are kept. */
export interface EligibilityOptions {
  currency: string;
  /** Minor units. */
  minimum: bigint;
  /** The schedule that is being paid; null: whatever the creator chose. */
  schedule: string | null;
  /** Only these creators; null: everybody with money here. */
  creatorIds: string[] | null;
}

export interface EligibilityRow {
  creator_id: string;
  /** Minor units, locked and not set aside. */
  amount: string;
  payout_schedule: PayoutSchedule | 'manual';
  reasons: string[];
}

/**
 * One row for each creator who has money here (pending or payable) or is named. The order of the reasons is that of `skipReasons`
 * in `domain/payouts.ts`.
 */
export function eligibility({
  currency,
  minimum,
  schedule,
  creatorIds,
}: EligibilityOptions): RawBuilder<EligibilityRow> {
  return sql<EligibilityRow>`
    select c.id as creator_id, greatest(coalesce(b.available, 0), 0) as amount, c.payout_schedule,
           array_remove(array[
             case when c.status = 'banned' then 'banned' end,
             case when a.status is null or a.status in ('none', 'pending') then 'onboarding_incomplete' end,
             case when a.status = 'restricted' then 'account_restricted' end,
             case when coalesce(b.available, 0) < ${minimum.toString()}::bigint then 'below_minimum' end,
             case when ${schedule}::text is not null and c.payout_schedule <> ${schedule} then 'schedule_not_due' end,
             case when exists (select from payout p where p.creator_id = c.id and p.currency = ${currency}
                                  and p.status in ('pending', 'approved', 'processing', 'in_transit', 'held', 'outcome_unknown'))
                  then 'payout_in_progress' end
           ], null) as reasons
      from creator c
      left join creator_payment_account a on a.creator_id = c.id
      left join lateral (
        select sum(l.balance) filter (where l.kind = 'available') as available, sum(l.balance) as held
          from ledger_account l
         where l.owner_type = 'creator' and l.owner_id = c.id and l.currency = ${currency} and l.book = 'main'
           and l.kind in ('pending', 'available')
      ) b on true
     where c.status <> 'deleted'
       and case when ${creatorIds}::uuid[] is null then b.held > 0 else c.id = any (${creatorIds}::uuid[]) end`;
}

/** How one creator stands for the next run of the schedule that they chose, in their own currency. */
export async function creatorEligibility(
  em: EntityManager,
  creatorId: string,
  minimum: bigint,
): Promise<EligibilityRow & { currency: string }> {
  const { rows } = await sql<{ currency: string }>`select currency from creator where id = ${creatorId}`.execute(
    em.getKysely(),
  );
  const currency = rows[0]!.currency;
  const found = await eligibility({ currency, minimum, schedule: null, creatorIds: [creatorId] }).execute(
    em.getKysely(),
  );
  return { ...found.rows[0]!, currency };
}
