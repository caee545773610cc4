import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { request } from 'node:http';
import Stripe from 'stripe';
import { errorOf, openSandbox, type TestSandbox } from './support.ts';

let sandbox: TestSandbox;
let stripe: Stripe;
beforeAll(async () => {
  sandbox = await openSandbox();
  ({ stripe } = sandbox);
});
afterEach(() => sandbox.control('DELETE', '/faults'));
afterAll(() => sandbox.close());

async function fault(kind: string, more: object = {}): Promise<void> {
  await sandbox.control('POST', '/faults', { provider: 'stripe', path_pattern: '/v1/topups', kind, times: 1, ...more });
}

let tries = 0;

/** One raw request, because the client itself repeats a request whose connection closed. */
function topUp(key = `faults:${(tries += 1)}`): Promise<number | 'lost'> {
  return new Promise((resolve) => {
    const sent = request(
      `${sandbox.url}/v1/topups`,
      {
        method: 'POST',
        headers: {
          authorization: 'Bearer sk_test_x',
          'idempotency-key': key,
          'content-type': 'application/x-www-form-urlencoded',
        },
      },
      (response) => {
        response.resume();
        response.on('end', () => {
          resolve(response.statusCode ?? 0);
        });
      },
    );
    sent.on('error', () => {
      resolve('lost');
    });
    sent.end('amount=100&currency=usd');
  });
}

async function effects(): Promise<number> {
  return (await sandbox.journal()).filter(({ effect }) => effect?.type === 'topup').length;
}

test.each([
  ['drop', 'lost', 0],
  ['timeout_before', 'lost', 0],
  ['timeout_after', 'lost', 1],
  ['error_500', 500, 0],
  ['rate_limited', 429, 0],
  ['slow', 200, 1],
] as const)('%s answers %s and moves money %d times', async (kind, answer, moved) => {
  const before = await effects();
  await fault(kind, { delay_ms: 30 });
  expect(await topUp()).toBe(answer);
  expect(await effects()).toBe(before + moved);
  expect(await sandbox.control('GET', '/faults')).toEqual({ data: [] });
  expect(await topUp()).toBe(200);
});

test('what timeout_after did is found again under the same key', async () => {
  const before = await effects();
  await fault('timeout_after', { delay_ms: 0 });
  expect(await topUp('lost-answer')).toBe('lost');
  expect(await topUp('lost-answer')).toBe(200);
  expect(await effects()).toBe(before + 1);
});

test('the client’s own timeout meets a hanging request', async () => {
  await fault('timeout_before', { delay_ms: 60_000 });
  const error = await errorOf(stripe.topups.create({ amount: 1, currency: 'usd' }, { timeout: 100 }));
  expect(error).toBeInstanceOf(Stripe.errors.StripeConnectionError);
});

test('slow goes on without the client that asked', async () => {
  const before = await effects();
  await fault('slow', { delay_ms: 1500 });
  const params = { amount: 1, currency: 'usd' };
  const options = { timeout: 100, idempotencyKey: 'gone-client' };
  expect(await errorOf(stripe.topups.create(params, options))).toBeInstanceOf(Stripe.errors.StripeConnectionError);
  expect(await effects()).toBe(before);
  expect(await errorOf(stripe.topups.create(params, { idempotencyKey: 'gone-client' }))).toMatchObject({
    statusCode: 409,
  });
  const retrying = stripe.topups.create(params, { idempotencyKey: 'gone-client', maxNetworkRetries: 5 });
  expect((await retrying).object).toBe('topup');
  expect(await effects()).toBe(before + 1);
});

test('faults add up, oldest first, and slow comes on top', async () => {
  await fault('error_500');
  await fault('rate_limited', { times: 2 });
  await fault('slow', { delay_ms: 10 });
  expect([await topUp(), await topUp(), await topUp(), await topUp()]).toEqual([500, 429, 429, 200]);
});

test('a fault strikes only paths, methods and providers that fit', async () => {
  await fault('error_500', { path_pattern: '/v1/transfers' });
  await fault('error_500', { method: 'GET' });
  expect(await topUp()).toBe(200);
  expect(await errorOf(stripe.transfers.list())).toMatchObject({ statusCode: 500 });
  expect(await errorOf(stripe.topups.list())).toMatchObject({ statusCode: 500 });
});

test('clearing ends all of them', async () => {
  await fault('error_500', { times: 100 });
  await fault('drop', { times: 100 });
  await sandbox.control('DELETE', '/faults');
  expect(await topUp()).toBe(200);
});
