import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MikroORM } from '@mikro-orm/postgresql';
import type { Client } from '@temporalio/client';
import { sql } from 'kysely';
import type { Stack } from '../src/local/stack.ts';
import { asOwner } from './installation.ts';
import { fund, type Payee } from './payout-seed.ts';

export interface RunResult {
  /** From the request until the last payout was settled (and the last failed one had given its money back). */
  seconds: number;
  /** Bank payouts made at the provider per second, from the first to the last. */
  paidPerSecond: number;
}

export interface Bench {
  stack: Stack;
  orm: MikroORM;
  token: string;
}

const LOOK_EVERY_MS = 100;
const LONGEST_MS = 600_000;

/** Pays everybody of `payees` through a run asked for at the API; `failing` of them are expected to fail. */
export async function payAll({ stack, orm, token }: Bench, payees: Payee[], failing = 0): Promise<RunResult> {
  await fund(orm, payees);
  await asOwner(stack, (client) => client.query('analyze')); // the planner's statistics would come a minute later by themselves
  const startedAt = Date.now();
  const response = await fetch(`${stack.apiUrl}/api/v1/admin/payout-runs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{}',
  });
  if (response.status !== 202) throw new Error(`payout run: ${response.status} ${await response.text()}`);
  const { run_id: runId } = (await response.json()) as { run_id: string };
  for (;;) {
    const { completed, failed, last } = await progress(orm, runId);
    if (completed === payees.length - failing && failed === failing) {
      return { seconds: (last - startedAt) / 1000, paidPerSecond: await pace(orm, runId) };
    }
    if (Date.now() - startedAt > LONGEST_MS) throw new Error(`only ${completed} of ${payees.length} payouts completed`);
    await sleep(LOOK_EVERY_MS);
  }
}

async function progress(orm: MikroORM, runId: string): Promise<{ completed: number; failed: number; last: number }> {
  const { rows } = await sql<{ completed: string; failed: string; last: string | null }>`
    select count(*) filter (where status = 'completed') as completed,
           count(*) filter (where status = 'failed' and not needs_return) as failed,
           extract(epoch from max(updated_at)) * 1000 as last
      from payout where run_id = ${runId}`.execute(orm.em.fork().getKysely());
  const { completed, failed, last } = rows[0]!;
  return { completed: Number(completed), failed: Number(failed), last: Number(last) };
}

async function pace(orm: MikroORM, runId: string): Promise<number> {
  const { rows } = await sql<{ rate: string }>`
    select (count(*) - 1) / extract(epoch from max(a.finished_at) - min(a.finished_at)) as rate
      from payout_attempt a join payout p on p.id = a.payout_id
     where p.run_id = ${runId} and a.step = 'bank_payout' and a.status = 'succeeded'`.execute(
    orm.em.fork().getKysely(),
  );
  return Number(rows[0]!.rate);
}

/** Over all workflows that there are, open ones included. */
export async function historyEvents(client: Client): Promise<number> {
  let events = 0;
  for await (const { workflowId, runId } of client.workflow.list()) {
    events += (await client.workflow.getHandle(workflowId, runId).describe()).historyLength;
  }
  return events;
}

/** Resident memory of a process, in MB, looked at four times a second until `stop`. */
export function watchMemory(pid: () => number | undefined): {
  stop: () => { start: number; peak: number; end: number };
} {
  const samples: number[] = [];
  const look = () => {
    const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid() ?? 'self'}/status`, 'utf8'))?.[1];
    samples.push(Number(kilobytes) / 1024);
  };
  look();
  const timer = setInterval(look, 250);
  return {
    stop: () => {
      clearInterval(timer);
      look();
      return { start: samples[0]!, peak: Math.max(...samples), end: samples.at(-1)! };
    },
  };
}
