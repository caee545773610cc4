import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type Stripe from 'stripe';
import { errorOf, eventually, openSandbox, type TestSandbox } from './support.ts';

let sandbox: TestSandbox;
let stripe: Stripe;
let payee: string;
let key: string;
beforeAll(async () => {
  sandbox = await openSandbox({ platformBalance: 100_000 });
  ({ stripe } = sandbox);
  payee = await sandbox.payee();
});
beforeEach(() => {
  key = `test:${randomUUID()}`;
});
afterAll(() => sandbox.close());

function transfer(params: Partial<Stripe.TransferCreateParams> = {}): Promise<Stripe.Response<Stripe.Transfer>> {
  const base = { amount: 10, currency: 'usd', destination: payee };
  return stripe.transfers.create({ ...base, ...params }, { idempotencyKey: key });
}

async function transferred(): Promise<number> {
  return (await sandbox.journal()).filter(({ idempotency_key, effect }) => idempotency_key === key && effect).length;
}

test('the same key and parameters get the first answer again', async () => {
  const first = await transfer({ metadata: { a: '1', b: '2' } });
  const second = await transfer({ metadata: { b: '2', a: '1' } });
  expect(second).toEqual(first);
  expect(first.lastResponse.headers['idempotent-replayed']).toBeUndefined();
  expect(second.lastResponse.headers).toMatchObject({
    'idempotent-replayed': 'true',
    'original-request': first.lastResponse.requestId,
    'idempotency-key': key,
  });
  expect(second.lastResponse.requestId).not.toBe(first.lastResponse.requestId);
  expect(await transferred()).toBe(1);
});

test('the same key for something else is an idempotency error', async () => {
  await transfer();
  expect(await errorOf(transfer({ amount: 11 }))).toMatchObject({ statusCode: 400, type: 'StripeIdempotencyError' });
  const elsewhere = stripe.topups.create({ amount: 10, currency: 'usd' }, { idempotencyKey: key });
  expect(await errorOf(elsewhere)).toMatchObject({ type: 'StripeIdempotencyError' });
  expect(await transferred()).toBe(1);
});

test('an error from within execution is kept, even when its cause has gone', async () => {
  expect(await errorOf(transfer({ amount: 150_000 }))).toMatchObject({ code: 'balance_insufficient' });
  await stripe.topups.create({ amount: 200_000, currency: 'usd' });
  const again = await errorOf(transfer({ amount: 150_000 }));
  expect(again).toMatchObject({ code: 'balance_insufficient', headers: { 'idempotent-replayed': 'true' } });
  expect(await transferred()).toBe(0);
});

test('a refused parameter is not kept, so the key can be used for the right one', async () => {
  expect(await errorOf(transfer({ amount: 0 }))).toMatchObject({ code: 'parameter_invalid_integer' });
  expect((await transfer()).object).toBe('transfer');
});

test('while the first request runs, the same key is in use', async () => {
  await sandbox.control('POST', '/faults', {
    provider: 'stripe',
    path_pattern: '/v1/transfers',
    kind: 'slow',
    delay_ms: 1500,
  });
  const running = transfer();
  await eventually(async () => (await sandbox.journal()).find(({ idempotency_key }) => idempotency_key === key));
  expect(await errorOf(transfer())).toMatchObject({ statusCode: 409, code: 'idempotency_key_in_use' });
  const first = await running;
  expect(await transfer()).toEqual(first);
  expect(await transferred()).toBe(1);
});

test('a 500 is kept too: nothing moved, and the key stays burnt', async () => {
  await sandbox.control('POST', '/faults', { provider: 'stripe', path_pattern: '/v1/transfers', kind: 'error_500' });
  expect(await errorOf(transfer())).toMatchObject({ statusCode: 500, type: 'StripeAPIError' });
  expect(await errorOf(transfer())).toMatchObject({ statusCode: 500, headers: { 'idempotent-replayed': 'true' } });
  expect(await transferred()).toBe(0);
});

test('a 429 is not kept', async () => {
  await sandbox.control('POST', '/faults', { provider: 'stripe', path_pattern: '/v1/transfers', kind: 'rate_limited' });
  expect(await errorOf(transfer())).toMatchObject({
    statusCode: 429,
    type: 'StripeRateLimitError',
    code: 'rate_limit',
  });
  expect((await transfer()).object).toBe('transfer');
});

test('keys are separate per account', async () => {
  const other = await sandbox.payee();
  for (const account of [payee, other]) {
    await stripe.transfers.create({ amount: 100, currency: 'usd', destination: account });
  }
  const params = { amount: 100, currency: 'usd' };
  const payouts = [payee, other].map((stripeAccount) =>
    stripe.payouts.create(params, { stripeAccount, idempotencyKey: key }),
  );
  const [first, second] = await Promise.all(payouts);
  expect(first?.id).not.toBe(second?.id);
});

test('keys mean nothing on reads', async () => {
  const before = await stripe.balance.retrieve({}, { idempotencyKey: key });
  await stripe.topups.create({ amount: 5, currency: 'usd' });
  expect(await stripe.balance.retrieve({}, { idempotencyKey: key })).not.toEqual(before);
});
