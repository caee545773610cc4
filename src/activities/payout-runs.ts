import { Context } from '@temporalio/activity';
import { ScheduleNotFoundError } from '@temporalio/client';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { nextRunAt, periodOf, type PayoutSchedule } from '../domain/payouts.ts';
import { Problem } from '../domain/problems.ts';
import { recordAudit } from '../database/audit.ts';
import { eligibility } from '../database/queries/eligibility.ts';
import { scheduleIds, type OperatorRequest } from '../workflows/contracts.ts';
import { postedByWorkflow } from './context.ts';
import { startOwnRuns } from './payout-own-runs.ts';
import { payThroughStripe } from './payout-pay.ts';
import { reservePayouts } from './payout-reserve.ts';
import type { PayoutDeps } from './payouts.ts';

export interface NewPayoutRun {
  schedule: PayoutSchedule | 'manual';
  /** ISO time that the run is for. */
  at: string;
  /** Once per key there is one run. */
  requestKey: string;
  requestedBy: string;
  currency: string;
  dryRun: boolean;
  creatorIds: string[] | null;
}

export interface PayoutRunView {
  status: string;
  dryRun: boolean;
  currency: string;
  due: number;
  /** Minor units. */
  amountDue: string;
  completed: number;
  failed: number;
  /** Not yet final and not handed to a run of their own. */
  open: number;
  skipped: number;
  amountPaid: string;
}

export type PayoutRunActivities = ReturnType<typeof createPayoutRunActivities>;

/** Set-based: a chunk of a run costs a few statements, however many payouts it holds. */
export function createPayoutRunActivities(deps: PayoutDeps & { minimum: bigint }) {
  const { orm, stripe, client, minimum } = deps;
  const inTransaction = <T>(work: (em: EntityManager) => Promise<T>) => orm.em.fork().transactional(work);

  return {
    /** Asking twice with the same key finds the first run. A second run in a period is the next in its sequence. */
    async createPayoutRun(run: NewPayoutRun): Promise<{ runId: string; period: string; sequence: number }> {
      const period = periodOf(run.schedule, new Date(run.at));
      return inTransaction(async (em) => {
        await sql`select pg_advisory_xact_lock(hashtext(${`payout-run/${run.schedule}/${period}`}))`.execute(
          em.getKysely(),
        );
        const { rows } = await sql<{ id: string; sequence: number }>`
          with made as (
            insert into payout_run (schedule, period, sequence, request_key, currency, dry_run, creator_ids, requested_by)
            select ${run.schedule}, ${period}, coalesce(max(sequence), 0) + 1, ${run.requestKey}, ${run.currency}, ${run.dryRun},
                   ${run.creatorIds}::uuid[], ${run.requestedBy}
              from payout_run where schedule = ${run.schedule} and period = ${period}
            on conflict on constraint payout_run_requested_once do nothing
            returning id, sequence
          )
          select id, sequence from made union all select id, sequence from payout_run where request_key = ${run.requestKey}`.execute(
          em.getKysely(),
        );
        const made = rows[0]!;
        return { runId: made.id, period, sequence: made.sequence };
      });
    },

    /** Writes down who is due what and why the others are not, with control totals and a hash over it. Happens once. */
    async freezePayoutRun(runId: string): Promise<void> {
      await inTransaction(async (em) => {
        const { rows } = await sql<FrozenRun>`
          select schedule, currency, creator_ids, dry_run, created_at from payout_run
           where id = ${runId} and frozen_at is null for update`.execute(em.getKysely());
        const run = rows[0];
        if (!run) return;
        const createdAt = new Date(run.created_at);
        const schedule = run.creator_ids || run.schedule === 'manual' ? null : run.schedule;
        await sql`
          insert into payout_run_item (run_id, ordinal, creator_id, outcome, reason, next_date, amount)
          select ${runId}, row_number() over (order by cardinality(e.reasons) > 0, e.creator_id), e.creator_id,
                 case when cardinality(e.reasons) = 0 then 'due' else 'skipped' end, e.reasons[1],
                 case when cardinality(e.reasons) > 0 then case e.payout_schedule
                   when 'weekly' then ${nextRunAt('weekly', createdAt)}::timestamptz
                   when 'biweekly' then ${nextRunAt('biweekly', createdAt)}::timestamptz
                   when 'monthly' then ${nextRunAt('monthly', createdAt)}::timestamptz end end,
                 e.amount
            from (${eligibility({ currency: run.currency, minimum, schedule, creatorIds: run.creator_ids })}) e`.execute(
          em.getKysely(),
        );
        await sql`
          update payout_run r
             set considered = t.considered, due = t.due, amount_due = t.amount_due, control_hash = t.hash, frozen_at = now(),
                 status = case when r.status = 'preparing' then 'running' else r.status end
            from (select count(*) as considered, count(*) filter (where outcome = 'due') as due,
                         coalesce(sum(amount) filter (where outcome = 'due'), 0) as amount_due,
                         encode(sha256(coalesce(string_agg(creator_id || ':' || amount, ',' order by ordinal)
                           filter (where outcome = 'due'), '')::bytea), 'hex') as hash
                    from payout_run_item where run_id = ${runId}) t
           where r.id = ${runId}`.execute(em.getKysely());
      });
    },

    /** Counts from the payouts as they stand. */
    async loadPayoutRun(runId: string): Promise<PayoutRunView> {
      const { rows } = await sql<RunRow>`
        select r.status, r.dry_run, r.currency, r.due, r.amount_due, r.considered, t.*
          from payout_run r, lateral (
            select count(*) filter (where p.status = 'completed') as completed,
                   count(*) filter (where p.status in ('failed', 'canceled', 'rejected', 'reversed', 'held')) as failed,
                   count(*) filter (where p.status in ('approved', 'processing', 'in_transit', 'outcome_unknown') and not p.own_run) as open,
                   coalesce(sum(p.amount) filter (where p.status = 'completed'), 0) as amount_paid
              from payout p where p.run_id = r.id
          ) t where r.id = ${runId}`.execute(orm.em.fork().getKysely());
      const row = rows[0];
      if (!row) throw new Problem('not_found', `There is no payout run ${runId}`);
      return {
        status: row.status,
        dryRun: row.dry_run,
        currency: row.currency,
        due: row.due,
        amountDue: row.amount_due,
        completed: Number(row.completed),
        failed: Number(row.failed),
        open: Number(row.open),
        skipped: row.considered - row.due,
        amountPaid: row.amount_paid,
      };
    },

    /** False while the provider holds less for us than the run still has to send. Sending anyway would fail payouts one by one. */
    async checkLiquidity(runId: string): Promise<{ enough: boolean; missing: string }> {
      const { rows } = await sql<{ currency: string; needed: string }>`
        select r.currency, r.amount_due - coalesce((select sum(p.amount) from payout p where p.run_id = r.id and p.transfer_id is not null), 0) as needed
          from payout_run r where r.id = ${runId}`.execute(orm.em.fork().getKysely());
      const { currency, needed } = rows[0]!;
      const missing = BigInt(needed) <= 0n ? 0n : BigInt(needed) - (await stripe.platformBalance(currency));
      return { enough: missing <= 0n, missing: missing.toString() };
    },

    /** Makes, reserves and pays the payouts of a stretch of the frozen list. What did not go straight gets a run of its own. */
    async payRunChunk({ runId, from, to }: { runId: string; from: number; to: number }): Promise<void> {
      const by = postedByWorkflow();
      const ids = await inTransaction(async (em) => {
        const made = await makePayouts(em, runId, from, to);
        await reservePayouts(em, made, by);
        return made;
      });
      const { cancellationSignal: signal } = Context.current();
      await payThroughStripe(ids, {
        orm,
        stripe,
        by,
        signal,
        heartbeat: () => {
          Context.current().heartbeat();
        },
      });
      await startOwnRuns(orm, client, ids);
    },

    /** Written with who and why. A run that has ended stays as it is. */
    async setPayoutRunStatus({ runId, status, actor, reason }: PayoutRunStep): Promise<void> {
      await inTransaction(async (em) => {
        const { numAffectedRows } = await sql`
          update payout_run
             set status = ${status}, finished_at = case when ${status} in ('completed', 'canceled') then now() end
           where id = ${runId} and status not in ('completed', 'canceled') and status <> ${status}`.execute(
          em.getKysely(),
        );
        if (numAffectedRows === 0n) return;
        await recordAudit(em, {
          actor,
          action: `payout_run_${status}`,
          subject: { type: 'payout_run', id: runId },
          reason,
        });
      });
    },

    /** What is wrong with the payout schedules: missing, paused, behind, or started without a run to show for it. */
    async findMissedPayoutRuns({ graceMs }: { graceMs: number }): Promise<string[]> {
      const findings = await Promise.all(payoutSchedules.map((schedule) => findMissed(schedule, Date.now() - graceMs)));
      return findings.filter((finding) => finding !== undefined);
    },
  };

  async function findMissed(schedule: PayoutSchedule, before: number): Promise<string | undefined> {
    const described = await client.schedule
      .getHandle(scheduleIds.payouts(schedule))
      .describe()
      .catch(orUndefinedIfNotFound);
    if (!described) return `${schedule}: there is no schedule`;
    const { state, info } = described;
    if (state.paused) return `${schedule}: the schedule is paused${state.note ? ` (${state.note})` : ''}`;
    if (info.numActionsMissedCatchupWindow > 0)
      return `${schedule}: ${info.numActionsMissedCatchupWindow} cycles were missed`;
    const next = info.nextActionTimes[0];
    if (next && next.getTime() < before) return `${schedule}: the cycle of ${next.toISOString()} did not start`;
    const due = info.recentActions.filter(({ scheduledAt }) => scheduledAt.getTime() < before);
    const { rows } = await sql<{ key: string }>`
      select key from unnest(${due.map(({ action }) => action.workflow.workflowId)}::text[]) as key
       where not exists (select from payout_run r where r.request_key = key and r.frozen_at is not null)`.execute(
      orm.em.fork().getKysely(),
    );
    return rows[0] && `${schedule}: ${rows[0].key} made no payout run`;
  }
}

const payoutSchedules: PayoutSchedule[] = ['monthly', 'biweekly', 'weekly'];

function orUndefinedIfNotFound(error: unknown): undefined {
  if (error instanceof ScheduleNotFoundError) return undefined;
  throw error;
}

export interface PayoutRunStep extends OperatorRequest {
  runId: string;
  status: 'running' | 'paused' | 'completed' | 'canceled';
}

interface FrozenRun {
  schedule: PayoutSchedule | 'manual';
  currency: string;
  creator_ids: string[] | null;
  dry_run: boolean;
  created_at: string;
}

interface RunRow {
  status: string;
  dry_run: boolean;
  currency: string;
  due: number;
  considered: number;
  amount_due: string;
  completed: string;
  failed: string;
  open: string;
  amount_paid: string;
}

/** Also finds those made before a crash. A creator who got an open payout meanwhile is skipped. */
async function makePayouts(em: EntityManager, runId: string, from: number, to: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with due as (
      select i.creator_id, i.amount, r.currency from payout_run_item i join payout_run r on r.id = i.run_id
       where i.run_id = ${runId} and i.ordinal between ${from} and ${to} and i.outcome = 'due' and i.payout_id is null
    ), made as (
      insert into payout (creator_id, run_id, request_key, status, amount, currency, method, requested_by)
      select d.creator_id, ${runId}, 'run:' || ${runId} || ':' || d.creator_id, 'approved', d.amount, d.currency, 'stripe', 'payout-run'
        from due d
      on conflict do nothing
      returning id, creator_id
    ), linked as (
      update payout_run_item i
         set payout_id = m.id, outcome = case when m.id is null then 'skipped' else 'due' end,
             reason = case when m.id is null then 'payout_in_progress' end
        from due d left join made m on m.creator_id = d.creator_id
       where i.run_id = ${runId} and i.creator_id = d.creator_id
    )
    select id from made
    union all
    select payout_id from payout_run_item where run_id = ${runId} and ordinal between ${from} and ${to} and payout_id is not null`.execute(
    em.getKysely(),
  );
  return rows.map(({ id }) => id);
}
