import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { storeProviderEvents, type ProviderEvent } from '../../src/database/provider-events.ts';
import { createStripeProvider, type StripeProvider } from '../../src/providers/stripe/client.ts';
import { queues, scheduleIds, workflowIds } from '../../src/workflows/contracts.ts';
import type { providerEvents } from '../../src/workflows/provider-events.ts';
import { openSandbox, type TestSandbox } from '../sandbox/support.ts';
import { createTestApi, type TestApi } from '../support/api.ts';
import { until } from '../support/client.ts';
import { createTestNamespace, startTestWorkers } from '../support/workers.ts';

let api: TestApi;
let sandbox: TestSandbox;
let stripe: StripeProvider;
let workers: { stop: () => Promise<void> };

beforeAll(async () => {
  sandbox = await openSandbox({ payoutDelayMs: 60_000 });
  const settings = { secretKey: 'sk_test_1', webhookSecrets: [], apiBase: sandbox.url, rateLimit: 0 };
  stripe = createStripeProvider(settings);
  api = await createTestApi({ temporal: await createTestNamespace(), stripe: settings });
  workers = await startTestWorkers(api.app.settings);
});
afterAll(async () => {
  await workers.stop();
  stripe.close();
  await sandbox.close();
  await api.close();
});

async function query<Row>(statement: ReturnType<typeof sql<Row>>): Promise<Row[]> {
  return (await statement.execute(api.app.orm.em.fork().getKysely())).rows;
}

function event(type: string): ProviderEvent {
  return {
    id: `evt_${uuidv7()}`,
    type,
    account: null,
    objectId: null,
    createdAt: new Date(),
    payload: { data: { object: {} } },
  };
}

const store = (events: ProviderEvent[]) => storeProviderEvents(api.app.orm.em.fork(), 'stripe', events);

async function unhandled(): Promise<number> {
  const rows = await query(sql<{ count: string }>`select count(*) from provider_event where handled_at is null`);
  return Number(rows[0]!.count);
}

function wake() {
  return api.temporal.workflow.signalWithStart<typeof providerEvents>('providerEvents', {
    workflowId: workflowIds.providerEvents('stripe'),
    taskQueue: queues.core,
    args: [{ provider: 'stripe' }],
    signal: 'providerEventsStored',
  });
}

test('the inbox takes what is there in sets, and then what comes', async () => {
  await store(
    Array.from({ length: 1200 }, (_, index) => event(index % 2 === 0 ? 'payout.updated' : 'customer.created')),
  );
  const handle = await wake();
  await until(unhandled, (count) => count === 0);
  await store([event('payout.created')]);
  await wake();
  await until(unhandled, (count) => count === 0);
  const { events } = await handle.fetchHistory();
  const activities = (events ?? []).filter((one) => one.activityTaskScheduledEventAttributes);
  expect(activities.length).toBeLessThanOrEqual(6);
});

test('events whose webhooks never came are fetched on a clock', async () => {
  const creators = await query(
    sql<{ id: string }>`insert into creator (name, email) values ('C', 'c@example.com') returning id`,
  );
  const creatorId = creators[0]!.id;
  const opening = { creatorId, email: 'c@example.com', country: 'US', idempotencyKey: creatorId };
  const { id: account } = await stripe.createAccount(opening);
  await sandbox.control('POST', `/stripe/accounts/${account}/complete`);
  await query(sql`
    insert into creator_payment_account (creator_id, country, provider_account_id, status) values (${creatorId}, 'US', ${account}, 'pending')`);
  await query(sql`
    insert into payout (creator_id, request_key, status, amount, currency, method, destination, requested_by)
    values (${creatorId}, 'gap test', 'in_transit', 100, 'USD', 'stripe', ${account}, 'test')`);
  const schedule = api.temporal.schedule.getHandle(scheduleIds.providerEventGaps);
  const statusOf = () =>
    query(sql<{ status: string }>`select status from creator_payment_account where creator_id = ${creatorId}`);
  await schedule.trigger();
  await until(statusOf, ([row]) => row?.status === 'active');

  await sandbox.control('POST', `/stripe/accounts/${account}/restrict`);
  await until(
    () => schedule.describe(),
    ({ info }) => info.runningActions.length === 0,
  );
  await schedule.trigger();
  await until(statusOf, ([row]) => row?.status === 'restricted');
});
