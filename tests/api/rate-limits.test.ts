import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { networkOf } from '../../src/api/plugins/rate-limits.ts';
import { buildApp } from '../../src/api/server.ts';
import { deleteExpired } from '../../src/database/housekeeping.ts';
import { createTestApi, type Caller, type TestApi } from '../support/api.ts';

let api: TestApi;

beforeAll(async () => {
  api = await createTestApi({ rateLimitFactor: 1 });
});
afterAll(async () => {
  await api.close();
});

const limitsOf = ({ headers }: Awaited<ReturnType<Caller['get']>>) =>
  [headers['ratelimit-limit'], headers['ratelimit-remaining']].map(Number);
const registration = () => ({
  email: `${randomUUID()}@example.com`,
  password: 'long enough',
  full_name: 'A',
  role: 'fan',
});

describe('requests an hour', () => {
  test.each([
    ['fan', 'free', 100],
    ['creator', 'creator', 300],
    ['creator', 'pro', 1000],
    ['brand', 'business', 5000],
    ['reviewer', 'free', 50_000],
    ['finance', 'free', 50_000],
    ['admin', 'free', 50_000],
  ] as const)('of a %s in the tier %s', async (role, tier, limit) => {
    const caller = api.as(await api.user(role, { tier }));
    expect(limitsOf(await caller.get('/api/v1/auth/me'))).toEqual([limit, limit - 1]);
    const second = await caller.get('/api/v1/auth/me');
    expect(limitsOf(second)).toEqual([limit, limit - 2]);
    expect(Number(second.headers['ratelimit-reset'])).toBeGreaterThan(3500);
  });

  test('of an API key', async () => {
    const response = await api.as(await api.apiKey('metrics:write')).get('/api/v1/auth/me');
    expect([response.statusCode, ...limitsOf(response)]).toEqual([403, 50_000, 49_999]);
  });

  test('of an address that is not signed in, and another one', async () => {
    const from = (address: string) => api.as('forged').get('/api/v1/auth/me', { 'x-forwarded-for': address });
    expect(limitsOf(await from('198.51.100.1'))).toEqual([1000, 999]);
    expect(limitsOf(await from('198.51.100.1'))).toEqual([1000, 998]);
    expect(limitsOf(await from('198.51.100.2'))).toEqual([1000, 999]);
  });

  test('of what monitors ask are not counted', async () => {
    for (const path of ['/health', '/metrics', '/openapi.json', '/docs/']) {
      expect((await api.as().get(path)).headers).not.toHaveProperty('ratelimit-limit');
    }
  });

  test('beyond the limit 429 until the window ends, in every process', async () => {
    const fan = await api.user('fan', { tier: 'free' });
    const responses = await Promise.all(Array.from({ length: 105 }, () => api.as(fan).get('/api/v1/auth/me')));
    const refused = responses.filter((response) => response.statusCode === 429);
    expect(refused).toHaveLength(5);
    expect(refused[0]?.json()).toMatchObject({ code: 'rate_limited', status: 429 });
    expect(refused[0]?.headers['retry-after']).toBe(refused[0]?.headers['ratelimit-reset']);
    expect(limitsOf(refused[0]!)).toEqual([100, 0]);
    const { settings, orm, temporal } = api.app;
    const secondProcess = await buildApp({ settings, orm, temporal });
    const headers = { authorization: `Bearer ${fan.token}` };
    expect((await secondProcess.inject({ url: '/api/v1/auth/me', headers })).statusCode).toBe(429);
    await sql`update rate_limit set resets_at = now() where key = ${`user:${fan.id}`}`.execute(
      orm.em.fork().getKysely(),
    );
    expect(limitsOf(await api.as(fan).get('/api/v1/auth/me'))).toEqual([100, 99]);
    await secondProcess.close();
  });
});

test.each([
  ['198.51.100.7', '198.51.100.7'],
  ['::ffff:198.51.100.7', '198.51.100.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0db8:0001:0002::6', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('%s is counted as %s', (ip, network) => {
  expect(networkOf(ip)).toBe(network);
});

describe('registrations', () => {
  test('60 an hour from an address; a service that imports people is counted as itself', async () => {
    const address = { 'x-forwarded-for': '198.51.100.7' };
    const register = (by: Caller) => by.post('/api/v1/auth/register', registration(), address);
    const responses = await Promise.all(Array.from({ length: 61 }, () => register(api.as())));
    expect(responses.filter((response) => response.statusCode === 201)).toHaveLength(60);
    expect(responses.filter((response) => response.statusCode === 429)).toHaveLength(1);
    const imported = await register(api.as(await api.apiKey('users:register')));
    expect([imported.statusCode, ...limitsOf(imported)]).toEqual([201, 50_000, 49_999]);
    expect((await register(api.as(await api.apiKey('metrics:write')))).statusCode).toBe(429);
  });
});

test.each([
  [0.5, 150],
  [2, 600],
])('RATE_LIMIT_FACTOR %d multiplies', async (rateLimitFactor, limit) => {
  const own = await createTestApi({ rateLimitFactor });
  try {
    expect(limitsOf(await own.as(await own.user('creator')).get('/api/v1/auth/me'))[0]).toBe(limit);
  } finally {
    await own.close();
  }
});

test('RATE_LIMIT_FACTOR 0 turns them off', async () => {
  const own = await createTestApi({ rateLimitFactor: 0 });
  try {
    const response = await own.as(await own.user('fan')).get('/api/v1/auth/me');
    expect(response.headers).not.toHaveProperty('ratelimit-limit');
  } finally {
    await own.close();
  }
});

test('what has expired is removed, and nothing else', async () => {
  const fan = await api.user('fan');
  const kysely = api.database.orm.em.fork().getKysely();
  await api.as(fan).get('/api/v1/auth/me');
  await sql`insert into rate_limit (key, hits, resets_at) values ('old', 1, now() - interval '1 second')`.execute(
    kysely,
  );
  await sql`
    insert into user_session (user_id, token_hash, expires_at) values (${fan.id}, 'old', now() - interval '1 second')`.execute(
    kysely,
  );
  await sql`
    insert into idempotency_record (principal, key, method, path, body_hash, locked_until, expires_at)
    values ('user:1', 'old', 'POST', '/', '', now(), now() - interval '1 second'), ('user:1', 'new', 'POST', '/', '', now(), now() + interval '1 day')
  `.execute(kysely);
  await deleteExpired(api.database.orm.em.fork());
  const { rows } = await sql<{ left: string[] }>`
    select array(select key from rate_limit where key in ('old', ${`user:${fan.id}`})) || array(select key from idempotency_record)
        || array(select encode(token_hash, 'escape') from user_session where user_id = ${fan.id}) as left`.execute(
    kysely,
  );
  expect(rows[0]?.left).toEqual([`user:${fan.id}`, 'new', '\\000']);
});
