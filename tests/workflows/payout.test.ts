import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { payoutEventHandler } from '../../src/activities/payout-event-handler.ts';
import { createPayoutActivities, type PayoutRequest } from '../../src/activities/payouts.ts';
import { createStripeProvider, type StripeProvider } from '../../src/providers/stripe/client.ts';
import type { StripeEvent } from '../../src/providers/stripe/types.ts';
import { startSandbox, type Sandbox } from '../../src/sandbox/server.ts';
import { queues, searchAttributes, workflowIds } from '../../src/workflows/contracts.ts';
import { cancelPayout, payout, payoutRequested, payoutState, retryPayout } from '../../src/workflows/payout.ts';
import { addCreator, balanceOf } from '../support/campaigns.ts';
import { ApiClient, until } from '../support/client.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { temporaryFolder } from '../support/folders.ts';
import { completeAccount, giveEarnings } from '../support/payees.ts';
import { skipTime, type SkippedTime } from '../support/time-skipping.ts';
import { creatorAccount } from '../../src/ledger/accounts.ts';

const DAY_MS = 86_400_000;
const FINALITY_MS = 10 * DAY_MS;
const taskQueue = queues.core;

let database: TestDatabase;
let sandbox: Sandbox;
let stripe: StripeProvider;
let time: SkippedTime;

beforeAll(async () => {
  database = await createTestDatabase();
  sandbox = await startSandbox({
    dataDir: temporaryFolder(),
    port: 0,
    logLevel: 'silent',
    stripeRateLimit: 0,
    payoutDelayMs: 50,
  });
  stripe = createStripeProvider({ secretKey: 'sk_test_x', apiBase: sandbox.url, rateLimit: 0 });
  time = await skipTime((client) =>
    createPayoutActivities({ orm: database.orm, stripe, client, finalityWindowMs: FINALITY_MS }),
  );
});

afterAll(async () => {
  await time.close();
  stripe.close();
  await sandbox.close();
  await database.close();
});

interface Payee {
  creatorId: string;
  account: string;
}

async function payee(accountNumber?: string): Promise<Payee> {
  const creatorId = await addCreator(database.orm);
  const { id: account } = await stripe.createAccount({
    creatorId,
    email: 'payee@example.com',
    country: 'US',
    idempotencyKey: uuidv7(),
  });
  await completeAccount(sandbox.url, account, accountNumber);
  await sql`
    insert into creator_payment_account (creator_id, provider_account_id, country, status, payouts_enabled, transfers_enabled)
    values (${creatorId}, ${account}, 'US', 'active', true, true)`.execute(database.orm.em.fork().getKysely());
  await giveEarnings(database.orm.em.fork(), [creatorId], 5000n);
  return { creatorId, account };
}

const available = ({ creatorId }: Payee) => balanceOf(database.orm, creatorAccount(creatorId, 'available', 'USD').id);

async function start({ creatorId }: Payee) {
  const payoutId = uuidv7();
  const request: PayoutRequest = {
    creatorId,
    amount: null,
    currency: null,
    method: 'stripe',
    referenceId: null,
    actor: 'test',
  };
  const handle = await time.client.workflow.start(payout, {
    workflowId: workflowIds.payout(payoutId),
    taskQueue,
    args: [{ payoutId, request }],
  });
  await handle.executeUpdate(payoutRequested);
  return { payoutId, handle };
}

type Started = Awaited<ReturnType<typeof start>>;

/** Lets workflow time pass until the payout is there; the provider needs moments of real time. */
async function reach({ handle }: { handle: Pick<Started['handle'], 'query'> }, status: string, step = '20s') {
  return until(
    async () => {
      await time.pass(step);
      return handle.query(payoutState);
    },
    (view) => view?.status === status,
  );
}

const needsAttention = async ({ handle }: Started) =>
  (await handle.describe()).typedSearchAttributes.get(searchAttributes.needsAttention);

test('a paid payout without a webhook is found by asking, and is final after its window', async () => {
  const to = await payee();
  const started = await start(to);
  await reach(started, 'completed');
  expect(await available(to)).toBe(0n);
  expect((await started.handle.describe()).status.name).toBe('RUNNING');
  await time.pass('11 days');
  expect(await started.handle.result()).toBe('completed');
});

test('a bank that returns the money within the window reopens the same run, and the payout can be paid again', async () => {
  const to = await payee();
  const started = await start(to);
  await reach(started, 'completed');
  const { rows } = await sql<{ bank_payout_id: string }>`
    select bank_payout_id from payout where id = ${started.payoutId}`.execute(database.orm.em.fork().getKysely());
  await new ApiClient(sandbox.url).post(`/_sandbox/stripe/payouts/${rows[0]!.bank_payout_id}`, {
    status: 'failed',
    failure_code: 'account_closed',
  });
  await hearFrom(to.account);
  await reach(started, 'failed', '1s');
  expect(await available(to)).toBe(5000n);
  expect(await needsAttention(started)).toBe(true);

  await started.handle.executeUpdate(retryPayout, { args: [{ actor: 'test', reason: 'another account' }] });
  const again = await reach(started, 'completed');
  expect(again?.attempt).toBe(2);
  expect(await available(to)).toBe(0n);
  await time.pass('11 days');
  expect(await started.handle.result()).toBe('completed');
});

test('a provider in trouble is tried again with growing pauses, then a person is asked', async () => {
  const to = await payee();
  const control = new ApiClient(sandbox.url);
  await control.post('/_sandbox/faults', {
    provider: 'stripe',
    path_pattern: `/v1/accounts/${to.account}`,
    kind: 'error_500',
    times: 1000,
  });
  const started = await start(to);
  await until(
    async () => {
      await time.pass('10 minutes');
      return needsAttention(started);
    },
    (asked) => asked === true,
  );
  const view = await started.handle.query(payoutState);
  expect(view).toMatchObject({ status: 'failed', failureCode: 'provider_unavailable' });
  expect(view!.attempt).toBeGreaterThan(4);
  expect(await available(to)).toBe(5000n);

  await started.handle.executeUpdate(cancelPayout, { args: [{ actor: 'test', reason: 'give it up' }] });
  expect(await started.handle.result()).toBe('canceled');
  expect(await available(to)).toBe(5000n);
});

test('a refused request ends the run with an answer and makes nothing', async () => {
  const to = await payee();
  const payoutId = uuidv7();
  const request: PayoutRequest = {
    creatorId: to.creatorId,
    amount: '5001',
    currency: null,
    method: 'stripe',
    referenceId: null,
    actor: 'test',
  };
  const handle = await time.client.workflow.start(payout, {
    workflowId: workflowIds.payout(payoutId),
    taskQueue,
    args: [{ payoutId, request }],
  });
  await expect(handle.executeUpdate(payoutRequested)).rejects.toMatchObject({
    cause: { type: 'insufficient_balance' },
  });
  expect(await handle.result()).toBe('refused');
  const { rows } = await sql`select 1 from payout where id = ${payoutId}`.execute(database.orm.em.fork().getKysely());
  expect(rows).toEqual([]);
});

test('an operator who gives no reason is refused', async () => {
  const to = await payee('000111111116');
  const started = await start(to);
  await reach(started, 'failed', '5s');
  const mute = started.handle.executeUpdate(retryPayout, { args: [{ actor: 'test', reason: '' }] });
  await expect(mute).rejects.toMatchObject({ cause: { message: expect.stringContaining('reason') } });
  await started.handle.executeUpdate(cancelPayout, { args: [{ actor: 'test', reason: 'done' }] });
  expect(await started.handle.result()).toBe('canceled');
});

test('a payout whose run somebody terminated while its outcome was unknown is looked after again', async () => {
  const to = await payee();
  const control = new ApiClient(sandbox.url);
  const lost = { provider: 'stripe', path_pattern: '/v1/transfers', kind: 'timeout_after', times: 1, delay_ms: 50 };
  await control.post('/_sandbox/faults', lost);
  await control.post('/_sandbox/faults', { ...lost, kind: 'error_500', times: 1000 });
  const started = await start(to);
  await reach(started, 'outcome_unknown', '1s');
  await started.handle.terminate('by mistake');
  await fetch(`${sandbox.url}/_sandbox/faults`, { method: 'DELETE' });
  await sql`update payout set polled_at = now() - interval '16 minutes' where id = ${started.payoutId}`.execute(
    database.orm.em.fork().getKysely(),
  );

  const { orm } = database;
  const activities = createPayoutActivities({
    orm,
    stripe,
    client: time.client,
    finalityWindowMs: FINALITY_MS,
  });
  await activities.careForPayouts();
  const again = {
    ...started,
    handle: time.client.workflow.getHandle<typeof payout>(workflowIds.payout(started.payoutId)),
  };
  await reach(again, 'completed');
  expect(await available(to)).toBe(0n);
});

/** As the webhook inbox does, with the events that the provider lists. */
async function hearFrom(account: string): Promise<void> {
  const events: StripeEvent[] = [];
  const listed = stripe.listEvents({ account, types: ['payout.failed'], createdAfter: new Date(Date.now() - DAY_MS) });
  for await (const event of listed) events.push(event);
  const handle = payoutEventHandler({ orm: database.orm, client: time.client });
  const done = await database.orm.em.fork().transactional((em) => handle(em, events));
  await done();
}
