/**
 * `node tests/histories/record.ts`: runs the product through its paths and writes the histories of the workflows here, for the replay
 * test. To be run, and its result committed, when a workflow gained a path that no stored history has; older ones stay as long as
 * such runs may still be open somewhere.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { loadSettings } from '../../src/config.ts';
import { openOrm } from '../../src/database/orm.ts';
import { runDemo } from '../../src/local/demo.ts';
import { prepareStack, startStack } from '../../src/local/stack.ts';
import { connectTemporal } from '../../src/temporal.ts';
import { scheduleIds } from '../../src/workflows/contracts.ts';
import { ApiClient, until } from '../support/client.ts';
import { HISTORIES, HISTORY_KEYS } from '../support/histories.ts';
import { completeAccount, giveEarnings, onboardCreator } from '../support/payees.ts';

/** Of each type and end, so many of the longest. */
const KEPT = 3;
const LONGEST_EVENTS = 400;

const dataDir = mkdtempSync(join(tmpdir(), 'stipend-histories-'));
const { PATH, HOME, STIPEND_CACHE } = process.env;
const stack = await prepareStack({
  PATH,
  HOME,
  STIPEND_CACHE,
  DATA_DIR: dataDir,
  PORT: '0',
  POSTGRES_PORT: '0',
  TEMPORAL_PORT: '0',
  TEMPORAL_UI_PORT: '0',
  SANDBOX_PORT: '0',
  RATE_LIMIT_FACTOR: '0',
  ENCRYPTION_KEYS: HISTORY_KEYS,
  SANDBOX_STRIPE_RATE_LIMIT: '0',
  STRIPE_RATE_LIMIT: '0',
  SANDBOX_PAYOUT_DELAY: '300ms',
  PAYOUT_FINALITY: '3s',
});
try {
  await startStack(stack, console.log);
  const { apiUrl, sandboxUrl, admin, env } = stack;
  await runDemo({ apiUrl, sandboxUrl, admin, input: undefined, rate: '1.50', report: undefined, progress: console.log, env });
  await payouts();
  const { client, close } = await connectTemporal(loadSettings(env));
  for (const id of [scheduleIds.providerEventGaps, scheduleIds.ledgerVerification, scheduleIds.payoutWatchdog]) {
    await client.schedule.getHandle(id).trigger();
  }
  await new Promise((resolve) => setTimeout(resolve, 6000));
  await record(client);
  await close();
} finally {
  await stack.stop();
  rmSync(dataDir, { recursive: true });
}

/** A payout that goes straight, one that is retried and paid, one that is given up, and one whose answer gets lost. */
async function payouts(): Promise<void> {
  const orm = await openOrm(stack.env['DATABASE_URL']!, 2);
  const api = new ApiClient(stack.apiUrl);
  const { body } = await api.post<{ access_token: string }>('/api/v1/auth/login', stack.admin);
  const admin = api.as(body.access_token);
  const pay = async (accountNumber?: string) => {
    const payee = await onboardCreator(api, stack.sandboxUrl, accountNumber);
    await giveEarnings(orm.em.fork(), [payee.creatorId], 5000n);
    const made = await admin.post<{ id: string }>('/api/v1/payouts', { creator_id: payee.creatorId, method: 'stripe' });
    return { ...payee, id: made.body.id };
  };
  const reach = (id: string, status: string) =>
    until(() => admin.get<{ status: string }>(`/api/v1/payouts/${id}`), (answer) => answer.body.status === status, 60_000);

  const straight = await pay();
  await reach(straight.id, 'completed');
  await api.as(straight.token).get('/api/v1/accounts/dashboard');
  await api.get(`/api/v1/accounts/onboard/callback?account=${straight.accountId}`);
  await admin.post('/api/v1/admin/payout-runs', { dry_run: true });
  const retried = await pay('000111111116');
  await reach(retried.id, 'failed');
  await completeAccount(stack.sandboxUrl, retried.accountId, '000123456789');
  await admin.post(`/api/v1/admin/payouts/${retried.id}/retry`, { reason: 'account mended' });
  await reach(retried.id, 'completed');
  const given = await pay('000111111116');
  await reach(given.id, 'failed');
  await admin.post(`/api/v1/admin/payouts/${given.id}/cancel`, { reason: 'not wanted' });
  const fault = { provider: 'stripe', path_pattern: '/v1/transfers', kind: 'timeout_after', times: 1, delay_ms: 200 };
  await new ApiClient(stack.sandboxUrl).post('/_sandbox/faults', fault);
  await reach((await pay()).id, 'completed');
  await orm.close(true);
}

async function record(client: Client): Promise<void> {
  const found = new Map<string, WorkflowExecutionInfo[]>();
  for await (const execution of client.workflow.list()) {
    if (execution.type.startsWith('temporal-') || execution.historyLength > LONGEST_EVENTS) continue;
    const group = `${execution.type}/${execution.status.name.toLowerCase()}`;
    found.set(group, [...(found.get(group) ?? []), execution]);
  }
  for (const [group, executions] of found) {
    executions.sort((a, b) => b.historyLength - a.historyLength);
    for (const { workflowId, runId } of executions.slice(0, KEPT)) {
      const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      const [type = '', end = ''] = group.split('/');
      const folder = join(HISTORIES, type);
      mkdirSync(folder, { recursive: true });
      const nth = readdirSync(folder).filter((name) => name.startsWith(end)).length + 1;
      writeFileSync(join(folder, `${end}-${nth}.json`), JSON.stringify(JSON.parse(historyToJSON(history)), null, 1));
      console.log(`${group}-${nth}: ${workflowId}`);
    }
  }
}
