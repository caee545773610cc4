import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { loadSandboxSettings } from '../../src/sandbox/settings.ts';
import { openSandbox, stripeClient, type TestSandbox } from './support.ts';

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await openSandbox();
});
afterAll(() => sandbox.close());

test('it says that it is there', async () => {
  expect(await sandbox.control('GET', '/health')).toEqual({ status: 'ok', providers: ['stripe'] });
});

test('the journal has every request in order, with what it really did', async () => {
  const start = (await sandbox.journal()).length;
  const payee = await sandbox.payee();
  const transfer = { amount: 700, currency: 'usd', destination: payee, metadata: { payout: '1' } };
  const { id } = await sandbox.stripe.transfers.create(transfer, { idempotencyKey: 'journal:1' });
  await sandbox.stripe.transfers.create(transfer, { idempotencyKey: 'journal:1' });
  await sandbox.stripe.payouts.create(
    { amount: 200, currency: 'usd' },
    { stripeAccount: payee, idempotencyKey: 'journal:2' },
  );
  await sandbox.stripe.transfers.createReversal(id, { amount: 500 });
  await sandbox.stripe.transfers.list({ limit: 1 });
  await stripeClient(sandbox.url)
    .transfers.retrieve('tr_none')
    .catch(() => undefined);
  await fetch(`${sandbox.url}/v1/balance`);
  const entries = (await sandbox.journal()).slice(start);
  expect(entries.map(({ method, path, effect }) => [method, path, effect?.type ?? null])).toEqual([
    ['POST', '/v1/accounts', 'account'],
    ['POST', '/v1/transfers', 'transfer'],
    ['POST', '/v1/transfers', null],
    ['POST', '/v1/payouts', 'payout'],
    ['POST', `/v1/transfers/${id}/reversals`, 'transfer_reversal'],
    ['GET', '/v1/transfers', null],
    ['GET', '/v1/transfers/tr_none', null],
    ['GET', '/v1/balance', null],
  ]);
  expect(entries[1]).toEqual({
    seq: start + 2,
    provider: 'stripe',
    method: 'POST',
    path: '/v1/transfers',
    query: null,
    account: null,
    idempotency_key: 'journal:1',
    body: { amount: '700', currency: 'usd', destination: payee, metadata: { payout: '1' } },
    effect: { type: 'transfer', id, amount: 700, currency: 'usd' },
  });
  expect(entries[3]).toMatchObject({ account: payee, effect: { amount: 200, currency: 'usd' } });
  expect(entries[5]).toMatchObject({ query: { limit: '1' }, body: null });
  const paged = await sandbox.control('GET', `/journal?provider=stripe&after=${start + 1}&limit=2`);
  expect(paged).toEqual({ data: entries.slice(1, 3) });
});

test.each([
  ['POST', '/faults', { provider: 'stripe', path_pattern: '/v1', kind: 'earthquake' }],
  ['POST', '/faults', { provider: 'paypal', path_pattern: '/v1', kind: 'drop' }],
  ['POST', '/faults', { provider: 'stripe', path_pattern: '/v1', kind: 'drop', times: 0 }],
  ['POST', '/faults', { provider: 'stripe', path_pattern: '/v1', kind: 'drop', delay_ms: '5' }],
  ['POST', '/faults', { provider: 'stripe', kind: 'drop' }],
  ['POST', '/faults', { provider: 'stripe', path_pattern: '/v1', kind: 'drop', colour: 'red' }],
  ['GET', '/journal?provider=paypal', undefined],
  ['GET', '/journal?limit=-1', undefined],
  ['POST', '/stripe/payouts/po_1', { status: 'lost' }],
  ['POST', '/stripe/payouts/po_1', { status: 'failed', failure_code: 'full_moon' }],
])('%s %s refuses %j', async (method, path, body) => {
  const response = await fetch(`${sandbox.url}/_sandbox${path}`, {
    method,
    ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
  });
  expect(response.status).toBe(400);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  expect(await response.json()).toMatchObject({ status: 400, code: 'validation_failed', detail: expect.any(String) });
});

test('controls of what does not exist are 404, broken JSON is 400', async () => {
  for (const path of ['/stripe/accounts/acct_none/complete', '/stripe/accounts/acct_none/restrict']) {
    const response = await fetch(`${sandbox.url}/_sandbox${path}`, { method: 'POST' });
    expect([response.status, await response.json()]).toMatchObject([404, { code: 'not_found' }]);
  }
  const broken = await fetch(`${sandbox.url}/_sandbox/faults`, {
    method: 'POST',
    body: '{',
    headers: { 'content-type': 'application/json' },
  });
  expect(broken.status).toBe(400);
});

test('settings come from the environment, and a broken one is named', () => {
  const settings = loadSandboxSettings({
    SANDBOX_PORT: '5000',
    DATA_DIR: '/data',
    SANDBOX_PAYOUT_DELAY: '5s',
    SANDBOX_STRIPE_RATE_LIMIT: '0',
    SANDBOX_PLATFORM_BALANCE: '12345',
    SANDBOX_STRIPE_WEBHOOK_URL: 'http://127.0.0.1:3000/webhooks/stripe',
    STRIPE_WEBHOOK_SECRET: 'whsec_new,whsec_old',
  });
  expect(settings).toMatchObject({
    port: 5000,
    host: '127.0.0.1',
    dataDir: '/data',
    payoutDelayMs: 5000,
    stripeRateLimit: 0,
    platformBalance: 12345,
    stripeWebhook: { secret: 'whsec_new', events: ['*'] },
  });
  expect(loadSandboxSettings({})).toMatchObject({
    port: 4010,
    payoutDelayMs: 1000,
    stripeRateLimit: 25,
    stripeWebhook: undefined,
  });
  expect(() => loadSandboxSettings({ SANDBOX_PORT: 'x' })).toThrow('SANDBOX_PORT');
  expect(() => loadSandboxSettings({ SANDBOX_PAYOUT_DELAY: 'soon' })).toThrow('SANDBOX_PAYOUT_DELAY');
  expect(() => loadSandboxSettings({ SANDBOX_STRIPE_WEBHOOK_URL: 'http://x' })).toThrow('STRIPE_WEBHOOK_SECRET');
});
