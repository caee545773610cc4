import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { seriesOfParticipation } from '../database/queries/series.ts';
import { accrue, RULES_VERSION, type Accrual, type Standing } from '../domain/accrual.ts';
import { openStatuses } from '../domain/participations.ts';
import { releaseAt } from '../domain/policies.ts';
import { campaignBudget, creatorAccount, platformAccount } from '../ledger/accounts.ts';
import { post, type EntryLine, type JournalEntry, type PostedBy } from '../ledger/post.ts';

/** Each participation posts two entries at most, and the ledger takes 500 in one call. */
export const PAGE_SIZE = 250;

/** Where a page begins: behind this participation, in the order in which their counts arrived. */
export interface AccrualCursor {
  dueAt: string;
  participationId: string;
}

/** Which participations: all that are due, one campaign's, or one. */
export interface AccrualScope {
  campaignId?: string;
  participationId?: string;
}

export interface AccruedPage {
  /** Participations that earned something. */
  earned: number;
  /** Undefined where this was the last page. */
  next: AccrualCursor | undefined;
}

interface StandingRow {
  id: string;
  creator_id: string;
  campaign_id: string;
  currency: string;
  platform: string | null;
  value: string;
  rate_per_thousand: string;
  per_creator_cap: string | null;
  accrued: string;
  fees_charged: string;
  accruals: number;
  budget_left: string;
  fee_bps: number;
  hold_ms: string;
  at: Date | string;
}

interface Due extends Standing {
  row: StandingRow;
}

interface Candidate {
  id: string;
  due_at: string;
  locked: number;
}

/** Counts of a participation that was closed a moment ago still earn. */
const earning = [...openStatuses, 'completed', 'paid'];

/**
 * Turns what the next participations' counts are worth into earnings and ledger entries, in the transaction of `em`. Locks campaigns,
 * then participations, each in the order of their ids: two sweeps, and whoever else changes either, wait instead of counting twice.
 */
export async function accruePage(
  em: EntityManager,
  scope: AccrualScope,
  after: AccrualCursor | undefined,
  by: PostedBy,
): Promise<AccruedPage> {
  const candidates = await lockCampaigns(em, scope, after);
  const last = candidates.at(-1);
  if (!last) return { earned: 0, next: undefined };
  const ids = await lockParticipations(
    em,
    candidates.map(({ id }) => id),
  );
  const rows = await readStandings(em, ids);
  const accruals = accrueRows(rows);
  await write(em, accruals, by);
  const full = candidates.length === PAGE_SIZE;
  return {
    earned: accruals.filter(({ gross }) => gross > 0n).length,
    next: full ? { dueAt: last.due_at, participationId: last.id } : undefined,
  };
}

async function lockCampaigns(
  em: EntityManager,
  scope: AccrualScope,
  after: AccrualCursor | undefined,
): Promise<Candidate[]> {
  const campaignId = scope.campaignId ?? null;
  const participationId = scope.participationId ?? null;
  const { rows } = await sql<Candidate>`
    with page as materialized (
      select p.id, p.campaign_id, p.accrual_due_at
        from participation p
        join campaign c on c.id = p.campaign_id and c.spent < c.budget
        join creator r on r.id = p.creator_id and r.status = 'active'
       where p.accrual_due_at is not null and p.status = any (${earning})
         and (p.accrual_due_at, p.id) > (${after?.dueAt ?? '-infinity'}::timestamptz, ${after?.participationId ?? NIL}::uuid)
         and (${campaignId}::uuid is null or p.campaign_id = ${campaignId}::uuid)
         and (${participationId}::uuid is null or p.id = ${participationId}::uuid)
       order by p.accrual_due_at, p.id
       limit ${PAGE_SIZE}
    ), locked as (
      select c.id from campaign c where c.id in (select campaign_id from page) order by c.id for no key update
    )
    select id, accrual_due_at::text as due_at, (select count(*) from locked) as locked
      from page order by accrual_due_at, id`.execute(em.getKysely());
  return rows;
}

const NIL = '00000000-0000-0000-0000-000000000000';

/** Those of them that are still due. What is marked as due from here on waits for the transaction and stays marked. */
async function lockParticipations(em: EntityManager, ids: string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from participation where id = any (${ids}::uuid[]) and accrual_due_at is not null
     order by id for no key update`.execute(em.getKysely());
  return rows.map(({ id }) => id);
}

/** A statement of its own after the locks, so that it sees what was written until they were given. */
async function readStandings(em: EntityManager, ids: string[]): Promise<StandingRow[]> {
  const { rows } = await sql<StandingRow>`
    select p.id, p.creator_id, p.campaign_id, c.currency, counted.platform, counted.value,
           c.rate_per_thousand, c.per_creator_cap, p.accrued, p.fees_charged, p.accruals, 
           least(c.budget - c.spent, coalesce(purse.balance, 0)) as budget_left,
           policy.fee_bps, policy.hold_ms, now() as at
      from participation p
      join campaign c on c.id = p.campaign_id
      join earning_policy policy on policy.source_type = 'campaign'
      left join ledger_account purse on purse.owner_type = 'campaign' and purse.owner_id = c.id and purse.kind = 'budget'
       and purse.currency = c.currency and purse.book = 'main'
      cross join lateral (
        select coalesce(sum(best), 0) as value,
               case when min(platform) = max(platform) then min(platform) end as platform
          from ${seriesOfParticipation} as series
      ) counted
     where p.id = any (${ids}::uuid[])
     order by p.accrual_due_at, p.id`.execute(em.getKysely());
  return rows;
}

function accrueRows(rows: StandingRow[]): Accrual<Due>[] {
  const left = new Map(rows.map((row) => [row.campaign_id, BigInt(row.budget_left)]));
  const standings = rows.map((row) => ({
    row,
    campaignId: row.campaign_id,
    value: BigInt(row.value),
    accrued: BigInt(row.accrued),
    feesCharged: BigInt(row.fees_charged),
    terms: {
      ratePerThousand: BigInt(row.rate_per_thousand),
      perCreatorCap: row.per_creator_cap === null ? null : BigInt(row.per_creator_cap),
    },
  }));
  return accrue(standings, left, rows[0]?.fee_bps ?? 0);
}

async function write(em: EntityManager, accruals: Accrual<Due>[], by: PostedBy): Promise<void> {
  const first = accruals[0]?.standing.row;
  if (!first) return;
  const holdMs = Number(first.hold_ms);
  const withoutHold = holdMs === 0;
  const earnedAt = new Date(first.at);
  await sql`
    with accrued as (
      select * from unnest(
        ${accruals.map(({ standing }) => standing.row.id)}::uuid[],
        ${accruals.map(({ standing }) => standing.row.platform)}::text[],
        ${accruals.map(({ gross }) => gross.toString())}::bigint[],
        ${accruals.map(({ fee }) => fee.toString())}::bigint[],
        ${accruals.map(({ feesCharged }) => feesCharged.toString())}::numeric[],
        ${accruals.map(({ short }) => short)}::boolean[]
      ) as a (participation_id, platform, gross, fee, fees_charged, short)
    ), moved as (
      update participation p
         set accrued = p.accrued + a.gross, fees_charged = a.fees_charged,
             accruals = p.accruals + case when a.gross > 0 then 1 else 0 end,
             accrual_due_at = case when a.short then p.accrual_due_at end,
             status = case when p.status = 'paid' and a.gross > 0 then 'completed' else p.status end,
             updated_at = now()
        from accrued a where p.id = a.participation_id
      returning p.id, p.creator_id, p.campaign_id, p.accruals, a.platform, a.gross, a.fee
    ), earned as (
      insert into earning (creator_id, source_type, source_id, source_event, platform, gross, fee, net, currency, status,
                           rules_version, earned_at, release_at, locked_at)
      select m.creator_id, 'campaign', m.id, 'participation:' || m.id || ':' || m.accruals, m.platform,
             m.gross, m.fee, m.gross - m.fee, c.currency,
             case when m.gross = m.fee then 'paid' when ${withoutHold} then 'locked' else 'pending' end,
             ${RULES_VERSION}, ${earnedAt}, ${releaseAt(earnedAt, holdMs)}, case when ${withoutHold} then now() end
        from moved m join campaign c on c.id = m.campaign_id
       where m.gross > 0
    )
    update campaign c set spent = c.spent + s.gross, updated_at = now()
      from (select campaign_id, sum(gross) as gross from moved where gross > 0 group by campaign_id) s
     where c.id = s.campaign_id`.execute(em.getKysely());
  const entries = accruals.filter(({ gross }) => gross > 0n).flatMap((accrual) => entriesOf(accrual, withoutHold));
  await post(em, entries, by);
}

/** Out of the campaign's budget to its creator and the platform, and without a hold at once to what can be paid. */
function entriesOf({ standing, gross, fee }: Accrual<Due>, withoutHold: boolean): JournalEntry[] {
  const { id, campaign_id: campaignId, creator_id: creatorId, currency, accruals } = standing.row;
  const key = `participation:${id}:${accruals + 1}`;
  const correlationId = `participation:${id}`;
  const pending = creatorAccount(creatorId, 'pending', currency);
  const net = gross - fee;
  const accrued = withoutEmptyLines([
    { account: campaignBudget(campaignId, currency), amount: -gross },
    { account: pending, amount: net },
    { account: platformAccount('fees', currency), amount: fee },
  ]);
  const locked = withoutEmptyLines([
    { account: pending, amount: -net },
    { account: creatorAccount(creatorId, 'available', currency), amount: net },
  ]);
  const entries: JournalEntry[] = [{ type: 'earning_accrued', key, correlationId, lines: accrued }];
  if (withoutHold && locked.length > 0)
    entries.push({ type: 'earning_locked', key: `${key}:locked`, correlationId, lines: locked });
  return entries;
}

function withoutEmptyLines(lines: EntryLine[]): EntryLine[] {
  return lines.filter(({ amount }) => amount !== 0n);
}
