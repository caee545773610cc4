import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../support/client.ts';
import { readJournal } from './journal.ts';
import type { Plan } from './plan.ts';
import type { World } from './world.ts';

/** After so long without a request to Stripe the next disturbance comes anyway. */
const STALLED_MS = 60_000;

export interface RunBody {
  id: string;
  status: string;
  considered: number;
  due: number;
  completed: number;
  failed: number;
  skipped: number;
  amount_due: number;
  amount_paid: number;
  progress: number;
}

/** Asks for a run as a careful client does: with a key, again and again until it is answered. */
export async function askForRun({ admin }: World, key: string, creatorIds: string[]): Promise<string> {
  const headers = { 'idempotency-key': key };
  const { body } = await until(
    () => admin.post<{ run_id: string }>('/api/v1/admin/payout-runs', { creator_ids: creatorIds }, headers).catch(away),
    ({ status }) => status === 202,
    90_000,
  );
  return body.run_id;
}

/** How the run stands, also while the API is on its way back. */
export async function runWhen(
  { admin }: World,
  runId: string,
  good: (run: RunBody) => boolean,
  ms: number,
): Promise<RunBody> {
  const { body } = await until(
    () => admin.get<RunBody>(`/api/v1/admin/payout-runs/${runId}`).catch(away),
    ({ status, body: run }) => status === 200 && good(run),
    ms,
  );
  return body;
}

function away(error: unknown): never | { status: 0; body: never } {
  if (error instanceof TypeError) return { status: 0, body: undefined as never };
  throw error;
}

/** Kills and injects as planned, while the run goes on; resolves when all of that is done and every process is back. */
export async function disturb(world: World, { disturbances }: Plan, firstSeq: number): Promise<void> {
  const { stack, control, note } = world;
  let seq = firstSeq;
  let lastRequestAt = Date.now();
  for (const { at, kill, fault } of disturbances) {
    while (seq - firstSeq < at && Date.now() - lastRequestAt < STALLED_MS) {
      const entries = await readJournal(control, seq);
      if (entries.length > 0) lastRequestAt = Date.now();
      seq = entries.at(-1)?.seq ?? seq;
      if (seq - firstSeq < at) await sleep(20);
    }
    if (kill) {
      await until(
        () => Promise.resolve(stack.processes.pid(kill)),
        (pid) => pid !== undefined,
      );
      note(`kill -9 ${kill}, after ${seq - firstSeq} requests`);
      stack.processes.kill(kill);
    }
    if (fault) await control.post('/_sandbox/faults', fault);
  }
  note('all disturbances are done');
  for (const name of ['postgres', 'temporal', 'api', 'worker']) await stack.processes.untilReady(name);
  note('every process is back');
}
