import type { EntityManager } from '@mikro-orm/postgresql';
import { sql, type RawBuilder } from 'kysely';
import type { EarningStatus } from '../../domain/earnings.ts';
import type { SourceType } from '../../domain/policies.ts';

/** What was earned from `from` on and before `before`; null: without that limit. */
export interface Period {
  from: Date | null;
  before: Date | null;
}

/** Amounts are minor units, as PostgreSQL sends an int8. */
export interface EarningRecord {
  id: string;
  source_type: SourceType;
  source_id: string;
  platform: string | null;
  gross: string;
  fee: string;
  net: string;
  clawed_back: string;
  currency: string;
  status: EarningStatus;
  earned_at: Date | string;
  release_at: Date | string;
  locked_at: Date | string | null;
  /** Where the record stands in a list. */
  position: string;
}

export interface EarningFilter extends Period {
  status: EarningStatus | undefined;
  sourceType: SourceType | undefined;
  platform: string | undefined;
  /** The `position` after which the page begins. */
  after: string | undefined;
  limit: number;
}

function within({ from, before }: Period): RawBuilder<unknown> {
  return sql`(${from}::timestamptz is null or e.earned_at >= ${from}::timestamptz)
    and (${before}::timestamptz is null or e.earned_at < ${before}::timestamptz)`;
}

/** A creator's earnings, newest first. */
export async function listEarnings(
  em: EntityManager,
  creatorId: string,
  { status, sourceType, platform, after, limit, ...period }: EarningFilter,
): Promise<EarningRecord[]> {
  const [earnedAt = null, id = null] = after?.split('|') ?? [];
  const { rows } = await sql<EarningRecord>`
    select e.id, e.source_type, e.source_id, e.platform, e.gross, e.fee, e.net, e.clawed_back_amount as clawed_back, e.currency,
           e.status, e.earned_at, e.release_at, e.locked_at, e.earned_at::text || '|' || e.id as position
      from earning e
     where e.creator_id = ${creatorId} and ${within(period)}
       and (${status ?? null}::text is null or e.status = ${status ?? null})
       and (${sourceType ?? null}::text is null or e.source_type = ${sourceType ?? null})
       and (${platform ?? null}::text is null or e.platform = ${platform ?? null})
       and (${id}::uuid is null or (e.earned_at, e.id) < (${earnedAt}::timestamptz, ${id}::uuid))
     order by e.earned_at desc, e.id desc
     limit ${limit}`.execute(em.getKysely());
  return rows;
}

export interface EarningTotals {
  currency: string;
  gross: string;
  platform_fees: string;
  pending: string;
  locked: string;
  paid: string;
  lifetime: string;
  this_month: string;
  external: string;
}

/**
 * A creator's totals in their currency; all but `gross` net of fees and clawbacks. A locked earning of which a payout has paid a part
 * counts with that part as paid.
 */
export async function earningTotals(em: EntityManager, creatorId: string, period: Period): Promise<EarningTotals> {
  const { rows } = await sql<EarningTotals>`
    with partly as (
      select l.earning_id, sum(l.net) as paid
        from payout t
        join payout_line_item l on l.payout_id = t.id and l.released_at is null
        join earning e on e.id = l.earning_id and e.status = 'locked'
       where t.creator_id = ${creatorId} and t.status = 'completed'
       group by l.earning_id
    ), mine as (
      select e.status, e.gross, e.fee, e.net - e.clawed_back_amount as net, coalesce(partly.paid, 0) as paid,
             e.earned_at >= date_trunc('month', now(), 'UTC') as is_new
        from earning e
        join creator c on c.id = e.creator_id and c.currency = e.currency
        left join partly on partly.earning_id = e.id
       where e.creator_id = ${creatorId} and ${within(period)}
    )
    select (select currency from creator where id = ${creatorId}) as currency,
           coalesce(sum(gross) filter (where status <> 'external'), 0) as gross,
           coalesce(sum(fee) filter (where status <> 'external'), 0) as platform_fees,
           coalesce(sum(net) filter (where status = 'pending'), 0) as pending,
           coalesce(sum(net - paid) filter (where status = 'locked'), 0) as locked,
           coalesce(sum(case status when 'paid' then net when 'locked' then paid end), 0) as paid,
           coalesce(sum(net) filter (where status <> 'external'), 0) as lifetime,
           coalesce(sum(net) filter (where status <> 'external' and is_new), 0) as this_month,
           coalesce(sum(net) filter (where status = 'external'), 0) as external
      from mine`.execute(em.getKysely());
  return rows[0]!;
}

/** One line of a breakdown; exactly one of the three keys is set, or none for what has no platform. */
export interface EarningGroup {
  kind: 'month' | 'source' | 'platform';
  /** `YYYY-MM` in UTC. */
  month: string | null;
  source_type: SourceType | null;
  platform: string | null;
  gross: string;
  fees: string;
  net: string;
}

/** A creator's totals in their currency by month, by source and by platform, external income included. */
export async function earningGroups(em: EntityManager, creatorId: string, period: Period): Promise<EarningGroup[]> {
  const { rows } = await sql<EarningGroup>`
    with mine as (
      select to_char(e.earned_at at time zone 'UTC', 'YYYY-MM') as month, e.source_type, e.platform,
             e.gross, e.fee, e.net - e.clawed_back_amount as net
        from earning e join creator c on c.id = e.creator_id and c.currency = e.currency
       where e.creator_id = ${creatorId} and ${within(period)}
    )
    select case when grouping(month) = 0 then 'month' when grouping(source_type) = 0 then 'source' else 'platform' end as kind,
           month, source_type, platform, sum(gross) as gross, sum(fee) as fees, sum(net) as net
      from mine
     group by grouping sets ((month), (source_type), (platform))
     order by kind, month, source_type, platform`.execute(em.getKysely());
  return rows;
}
