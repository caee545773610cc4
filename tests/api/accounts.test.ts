import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { openSandbox, type TestSandbox } from '../sandbox/support.ts';
import { createTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { until } from '../support/client.ts';
import { createTestNamespace, startTestWorkers } from '../support/workers.ts';

const WEBHOOK_SECRET = 'whsec_accounts_test';
const CALLBACK = '/api/v1/accounts/onboard/callback';

let api: TestApi;
let sandbox: TestSandbox;
let workers: { stop: () => Promise<void> };

interface Onboarding {
  account_id: string;
  onboarding_url: string;
  status: string;
}

interface Status {
  account_id: string | null;
  status: string;
  payouts_enabled: boolean;
  charges_enabled: boolean;
  requirements: string[];
  kyc_status: string;
  bank: { last4: string } | null;
}

beforeAll(async () => {
  const temporal = await createTestNamespace();
  api = await createTestApi({ temporal, allowedReturnHosts: ['app.example.com'], stripe: stripeAt(undefined) });
  const origin = await api.app.listen({ port: 0, host: '127.0.0.1' });
  const stripeWebhook = { url: `${origin}/webhooks/stripe`, secret: WEBHOOK_SECRET, events: ['*'] };
  sandbox = await openSandbox({ stripeWebhook });
  workers = await startTestWorkers({ ...api.app.settings, stripe: stripeAt(sandbox.url) });
});
afterEach(() => sandbox.control('DELETE', '/faults'));
afterAll(async () => {
  await workers.stop();
  await sandbox.close();
  await api.close();
});

function stripeAt(apiBase: string | undefined) {
  return { secretKey: 'sk_test_1', webhookSecrets: [WEBHOOK_SECRET], apiBase, rateLimit: 0 };
}

async function onboard(user: TestUser, body?: object): Promise<Onboarding> {
  const response = await api.as(user).post('/api/v1/accounts/onboard', body);
  expect(response.statusCode).toBe(201);
  return response.json<Onboarding>();
}

async function statusOf(user: TestUser): Promise<Status> {
  return (await api.as(user).get('/api/v1/accounts/status')).json<Status>();
}

const becomes = (user: TestUser, status: string) =>
  until(
    () => statusOf(user),
    (body) => body.status === status,
  );

async function accountsMadeFor(user: TestUser): Promise<string[]> {
  const accounts = await sandbox.stripe.accounts.list({ limit: 100 });
  return accounts.data.filter(({ metadata }) => metadata?.['creator_id'] === user.creatorId).map(({ id }) => id);
}

function fault(kind: string, pathPattern: string, times = 1) {
  const order = { provider: 'stripe', path_pattern: pathPattern, kind, times, delay_ms: 100 };
  return sandbox.control('POST', '/faults', order);
}

test('a creator opens an account, completes it, is active by webhook and sees the dashboard', async () => {
  const user = await api.user('creator');
  expect(await statusOf(user)).toMatchObject({
    account_id: null,
    status: 'none',
    payouts_enabled: false,
    charges_enabled: false,
    requirements: [],
    kyc_status: 'none',
  });
  const early = await api.as(user).get('/api/v1/accounts/dashboard');
  expect([early.statusCode, early.json<{ code: string }>().code]).toEqual([422, 'onboarding_incomplete']);

  const first = await onboard(user);
  expect(first).toMatchObject({ account_id: expect.stringMatching(/^acct_/), status: 'pending' });
  expect(URL.canParse(first.onboarding_url)).toBe(true);
  const pending = await statusOf(user);
  expect(pending).toMatchObject({ account_id: first.account_id, status: 'pending', bank: null });
  expect(pending.requirements).toContain('external_account');
  expect((await api.as(user).get('/api/v1/accounts/dashboard')).statusCode).toBe(422);

  const second = await onboard(user);
  expect(second.account_id).toBe(first.account_id);
  expect(second.onboarding_url).not.toBe(first.onboarding_url);

  await sandbox.control('POST', `/stripe/accounts/${first.account_id}/complete`);
  expect(await becomes(user, 'active')).toMatchObject({
    payouts_enabled: true,
    charges_enabled: true,
    requirements: [],
    bank: { last4: '6789' },
  });
  const dashboard = await api.as(user).get('/api/v1/accounts/dashboard');
  expect(dashboard.statusCode).toBe(200);
  expect(URL.canParse(dashboard.json<{ url: string }>().url)).toBe(true);

  await sandbox.control('POST', `/stripe/accounts/${first.account_id}/restrict`);
  const restricted = await becomes(user, 'restricted');
  expect(restricted).toMatchObject({ payouts_enabled: false });
  expect(restricted.requirements.length).toBeGreaterThan(0);
  expect(await accountsMadeFor(user)).toEqual([first.account_id]);
});

test('the callback reads the account again, then goes on where it was told to', async () => {
  const plain = await api.user('creator');
  const { account_id: account } = await onboard(plain);
  const unfinished = await api.as().get(`${CALLBACK}?account=${account}`);
  expect([unfinished.statusCode, unfinished.json()]).toEqual([200, { status: 'pending' }]);

  const returning = await api.user('creator');
  const onboarding = await onboard(returning, { return_url: 'https://app.example.com/back?x=1' });
  await sandbox.control('POST', `/stripe/accounts/${onboarding.account_id}/complete`);
  const back = await api.as().get(`${CALLBACK}?account=${onboarding.account_id}`);
  expect([back.statusCode, back.headers['location']]).toEqual([302, 'https://app.example.com/back?x=1']);
  expect(await statusOf(returning)).toMatchObject({ status: 'active' });

  expect((await api.as().get(`${CALLBACK}?account=acct_other`)).statusCode).toBe(404);
  expect((await api.as().get(CALLBACK)).statusCode).toBe(400);
});

test('Stripe sends the creator back to our callback, and to it or the given page for a new link', async () => {
  const user = await api.user('creator');
  const { account_id: account } = await onboard(user);
  await onboard(user, { refresh_url: 'https://app.example.com/again' });
  const callback = `http://localhost:80${CALLBACK}?account=${account}`;
  const bodies = (await sandbox.journal()).filter(({ path }) => path === '/v1/account_links').map(({ body }) => body);
  const link = { account, type: 'account_onboarding', return_url: callback };
  expect(bodies).toContainEqual({ ...link, refresh_url: callback });
  expect(bodies).toContainEqual({ ...link, refresh_url: 'https://app.example.com/again' });
});

describe('what is refused', () => {
  test.each([
    ['return_url', 'javascript:alert(1)'],
    ['return_url', 'https://evil.example.com/'],
    ['refresh_url', 'ftp://app.example.com/'],
    ['refresh_url', 'no url'],
    ['country', 'usa'],
    ['nonsense', 'x'],
  ])('%s: %s', async (field, value) => {
    const user = await api.user('creator');
    const response = await api.as(user).post('/api/v1/accounts/onboard', { [field]: value });
    expect(response.statusCode).toBe(400);
    const body = response.json<{ code: string; errors: { path: string }[] }>();
    expect([body.code, body.errors.map(({ path }) => path)]).toEqual(['validation_failed', [field]]);
    expect(await statusOf(user)).toMatchObject({ status: 'none' });
  });

  test('anybody but a creator', async () => {
    for (const path of ['status', 'dashboard']) {
      expect((await api.as().get(`/api/v1/accounts/${path}`)).statusCode).toBe(401);
      expect((await api.as(await api.user('brand')).get(`/api/v1/accounts/${path}`)).statusCode).toBe(403);
    }
    expect((await api.as(await api.user('fan')).post('/api/v1/accounts/onboard', {})).statusCode).toBe(403);
  });
});

test('ten requests at once open one account, and each gets a link of its own', async () => {
  const user = await api.user('creator');
  const pages = Array.from({ length: 10 }, (_, index) => `https://app.example.com/${index}`);
  const all = await Promise.all(pages.map((page) => onboard(user, { refresh_url: page })));
  expect(new Set(all.map(({ account_id }) => account_id)).size).toBe(1);
  expect(new Set(all.map(({ onboarding_url }) => onboarding_url)).size).toBe(10);
  expect(await accountsMadeFor(user)).toHaveLength(1);
});

describe('when Stripe', () => {
  test.each(['error_500', 'rate_limited', 'drop'])('fails once (%s), the creator does not notice', async (kind) => {
    const user = await api.user('creator');
    await fault(kind, '/v1/accounts');
    await onboard(user);
    expect(await accountsMadeFor(user)).toHaveLength(1);
  });

  test('does the work and loses the answer, there is one account all the same', async () => {
    const user = await api.user('creator');
    await fault('timeout_after', '/v1/accounts');
    await onboard(user);
    expect(await accountsMadeFor(user)).toHaveLength(1);
  });

  test('does not answer at all, it is said, and a later request goes through', async () => {
    const user = await api.user('creator');
    await fault('drop', '/v1/account', 100);
    const response = await api.as(user).post('/api/v1/accounts/onboard', {});
    expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([502, 'provider_unavailable']);
    await sandbox.control('DELETE', '/faults');
    await onboard(user);
    expect(await accountsMadeFor(user)).toHaveLength(1);
  });
});

test('an idempotency key gives the first link again', async () => {
  const user = await api.user('creator');
  const key = { 'idempotency-key': 'onboard-1' };
  const [first, second] = [
    await api.as(user).post('/api/v1/accounts/onboard', {}, key),
    await api.as(user).post('/api/v1/accounts/onboard', {}, key),
  ];
  expect(second.json()).toEqual(first.json());
  expect(second.headers['idempotent-replayed']).toBe('true');
});
