import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';

export type PayoutRunStatus = 'preparing' | 'awaiting_approval' | 'running' | 'paused' | 'completed' | 'canceled';

export interface PayoutRunRecord {
  id: string;
  schedule: string;
  period: string;
  sequence: number;
  status: PayoutRunStatus;
  dry_run: boolean;
  currency: string;
  considered: number;
  due: number;
  completed: number;
  failed: number;
  skipped: number;
  amount_due: bigint;
  amount_paid: bigint;
  progress: number;
  control_hash: string | null;
  created_at: string;
  finished_at: string | null;
}

interface Row extends Omit<
  PayoutRunRecord,
  'progress' | 'completed' | 'failed' | 'skipped' | 'amount_due' | 'amount_paid'
> {
  completed: string;
  failed: string;
  skipped: string;
  amount_due: string;
  amount_paid: string;
}

const SELECT = sql`
  select r.id, r.schedule, r.period, r.sequence, r.status, r.dry_run, r.currency, r.considered, r.due, r.amount_due, r.control_hash,
         r.created_at, r.finished_at, t.completed, t.failed, t.amount_paid,
         (select count(*) from payout_run_item i where i.run_id = r.id and i.outcome = 'skipped') as skipped
    from payout_run r, lateral (
      select count(*) filter (where p.status = 'completed') as completed,
             count(*) filter (where p.status in ('failed', 'canceled', 'rejected', 'reversed', 'held')) as failed,
             coalesce(sum(p.amount) filter (where p.status = 'completed'), 0) as amount_paid
        from payout p where p.run_id = r.id
    ) t`;

/** Newest first. */
export async function listPayoutRuns(
  em: EntityManager,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<PayoutRunRecord[]> {
  const { rows } = await sql<Row>`
    ${SELECT} where ${after ?? null}::uuid is null or r.id < ${after ?? null}::uuid order by r.id desc limit ${limit}`.execute(
    em.getKysely(),
  );
  return rows.map(toRecord);
}

export async function findPayoutRun(em: EntityManager, id: string): Promise<PayoutRunRecord | undefined> {
  const { rows } = await sql<Row>`${SELECT} where r.id = ${id}`.execute(em.getKysely());
  return rows[0] && toRecord(rows[0]);
}

function toRecord(row: Row): PayoutRunRecord {
  const completed = Number(row.completed);
  const failed = Number(row.failed);
  const ended = row.status === 'completed' || row.due === 0;
  return {
    ...row,
    completed,
    failed,
    skipped: Number(row.skipped),
    amount_due: BigInt(row.amount_due),
    amount_paid: BigInt(row.amount_paid),
    progress: ended ? 1 : (completed + failed) / row.due,
  };
}

export interface PayoutRunItem {
  creator_id: string;
  outcome: 'due' | 'paid' | 'failed' | 'skipped';
  reason: string | null;
  next_date: string | null;
  amount: bigint;
  payout_id: string | null;
  ordinal: number;
}

/** Those who are due first, then the skipped; `after` is the ordinal of the last one of the page before. */
export async function listPayoutRunItems(
  em: EntityManager,
  { runId, after, limit }: { runId: string; after: number; limit: number },
): Promise<PayoutRunItem[]> {
  const { rows } = await sql<Omit<PayoutRunItem, 'amount'> & { amount: string }>`
    select i.creator_id, i.ordinal, i.next_date, i.amount, i.payout_id,
           case when i.outcome = 'skipped' then 'skipped'
                when p.status = 'completed' then 'paid'
                when p.status in ('failed', 'canceled', 'rejected', 'reversed', 'held') then 'failed'
                else 'due' end as outcome,
           coalesce(i.reason, p.failure_code) as reason
      from payout_run_item i left join payout p on p.id = i.payout_id
     where i.run_id = ${runId} and i.ordinal > ${after} order by i.ordinal limit ${limit}`.execute(em.getKysely());
  return rows.map((row) => ({ ...row, amount: BigInt(row.amount) }));
}
