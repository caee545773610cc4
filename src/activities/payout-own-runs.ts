import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import pLimit from 'p-limit';
import { queues, searchAttributes, workflowIds } from '../workflows/contracts.ts';
import { participationSettled } from '../workflows/participation.ts';
import { payout, payoutChanged } from '../workflows/payout.ts';
import type { AppliedWords } from './payout-events.ts';

const CONCURRENCY = 10;

interface Subject {
  id: string;
  creator_id: string;
  run_id: string | null;
}

/** A run of their own, that a person can see, retry or give up, for those of the payouts that did not go straight. */
export async function startOwnRuns(orm: MikroORM, client: Client, ids: string[]): Promise<void> {
  const { rows } = await sql<Subject>`
    select id, creator_id, run_id from payout
     where id = any (${ids}::uuid[]) and (needs_return or status in ('failed', 'held', 'outcome_unknown') or (status in ('approved', 'processing') and (run_id is null or own_run)))`.execute(
    orm.em.fork().getKysely(),
  );
  await wake(client, rows);
}

/** Tells everybody who waits for it what became of payouts. A word lost here is found again by the clock. */
export async function tellWorkflows(
  orm: MikroORM,
  client: Client,
  { settled, failed, participations }: AppliedWords,
): Promise<void> {
  const ids = [...settled, ...failed];
  const { rows } = await sql<Subject>`
    select id, creator_id, run_id from payout where id = any (${ids}::uuid[]) and (own_run or needs_return)`.execute(
    orm.em.fork().getKysely(),
  );
  await wake(client, rows);
  const limit = pLimit(CONCURRENCY);
  await Promise.all(participations.map((id) => limit(() => signalParticipation(client, id))));
}

async function signalParticipation(client: Client, id: string): Promise<void> {
  try {
    await client.workflow.getHandle(workflowIds.participation(id)).signal(participationSettled);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

async function wake(client: Client, payouts: Subject[]): Promise<void> {
  const limit = pLimit(CONCURRENCY);
  await Promise.all(payouts.map((subject) => limit(() => signalOwnRun(client, subject))));
}

async function signalOwnRun(client: Client, { id, creator_id, run_id }: Subject): Promise<void> {
  await client.workflow.signalWithStart(payout, {
    workflowId: workflowIds.payout(id),
    taskQueue: queues.core,
    args: [{ payoutId: id }],
    signal: payoutChanged,
    staticSummary: 'Payout to a creator',
    typedSearchAttributes: [
      { key: searchAttributes.creatorId, value: creator_id },
      ...(run_id ? [{ key: searchAttributes.payoutRunId, value: run_id }] : []),
    ],
  });
}
