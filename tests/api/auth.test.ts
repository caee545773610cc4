import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { ensureFirstAdmin } from '../../src/api/first-admin.ts';
import type { Role } from '../../src/domain/roles.ts';
import { codeOf, createTestApi, type TestApi } from '../support/api.ts';

interface Tokens {
  access_token: string;
  refresh_token: string;
  token_type: string;
  expires_in: number;
  user: { id: string; email: string; full_name: string; role: Role; roles: Role[]; creator_id: string | null };
}

interface ProblemBody {
  code: string;
  errors?: { path: string; message: string }[];
}

const PASSWORD = 'correct horse';
let api: TestApi;

beforeAll(async () => {
  api = await createTestApi();
});
afterAll(async () => {
  await api.close();
});

const address = () => `${randomUUID()}@example.com`;
const person = (changes: object = {}) => ({
  email: address(),
  password: PASSWORD,
  full_name: 'Ada Mwansa',
  role: 'creator',
  ...changes,
});

async function register(changes: object = {}): Promise<Tokens> {
  const response = await api.as().post('/api/v1/auth/register', person(changes));
  expect(response.statusCode).toBe(201);
  return response.json<Tokens>();
}

const refresh = (token: string) => api.as().post('/api/v1/auth/refresh', { refresh_token: token });
const login = (email: string, password = PASSWORD) => api.as().post('/api/v1/auth/login', { email, password });

describe('register', () => {
  test('answers with tokens and the user; a creator has a profile', async () => {
    const email = address();
    const tokens = await register({ email });
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 1800 });
    expect(tokens.user).toMatchObject({ email, full_name: 'Ada Mwansa', role: 'creator', roles: ['creator'] });
    const profile = await api.as().get(`/api/v1/creators/${tokens.user.creator_id ?? ''}`);
    expect(profile.json()).toMatchObject({ name: 'Ada Mwansa', earnings: 0, followers: 0 });
    const me = await api.as(tokens.access_token).get('/api/v1/auth/me');
    expect(me.json()).toEqual(tokens.user);
  });

  test.each(['fan', 'brand'])('a %s has none', async (role) => {
    const { user } = await register({ role });
    expect(user).toMatchObject({ roles: [role], creator_id: null });
  });

  test('an address is taken whatever its case', async () => {
    const { user } = await register();
    const again = await api.as().post('/api/v1/auth/register', person({ email: user.email.toUpperCase() }));
    expect([again.statusCode, codeOf(again)]).toEqual([409, 'email_taken']);
  });

  test('of many at once with one address one gets it', async () => {
    const body = person();
    const responses = await Promise.all(Array.from({ length: 6 }, () => api.as().post('/api/v1/auth/register', body)));
    expect(responses.map((response) => response.statusCode).sort()).toEqual([201, 409, 409, 409, 409, 409]);
  });

  test.each([
    ['password', { password: 'short' }],
    ['role', { role: 'admin' }],
    ['email', { email: 'nobody' }],
    ['full_name', { full_name: undefined }],
    ['roles', { roles: ['admin'] }],
  ])('a wrong %s is named', async (path, changes) => {
    const response = await api.as().post('/api/v1/auth/register', person(changes));
    expect(response.statusCode).toBe(400);
    const problem = response.json<ProblemBody>();
    expect(problem.code).toBe('validation_failed');
    expect(problem.errors?.map((error) => error.path)).toEqual([path]);
  });

  test('a creator whom an operator added stays somebody else', async () => {
    const email = address();
    const admin = await api.user('admin');
    const added = await api.as(admin).post('/api/v1/creators', { name: 'Added', email });
    expect(added.statusCode).toBe(201);
    const { user } = await register({ email });
    expect(user.creator_id).not.toBe(added.json<{ id: string }>().id);
  });

  test('passwords are kept as argon2id with the cost that OWASP asks for', async () => {
    const { user } = await register();
    const { rows } = await sql<{ hash: string }>`
      select password_hash as hash from app_user where id = ${user.id}`.execute(api.database.orm.em.fork().getKysely());
    expect(rows[0]?.hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });
});

describe('login', () => {
  test('works whatever the case of the address', async () => {
    const { user } = await register();
    const response = await login(user.email.toUpperCase());
    expect(response.statusCode).toBe(200);
    expect(response.json<Tokens>().user).toEqual(user);
  });

  test('a wrong password and an unknown address get the same answer', async () => {
    const { user } = await register();
    const [wrong, unknown] = [await login(user.email, 'not the password'), await login(address())];
    expect([wrong.statusCode, codeOf(wrong)]).toEqual([401, 'unauthenticated']);
    expect({ ...unknown.json<object>(), request_id: '' }).toEqual({ ...wrong.json<object>(), request_id: '' });
  });

  test('a disabled user cannot sign in, and is out at once', async () => {
    const { user, access_token, refresh_token } = await register();
    const { orm } = api.database;
    await sql`update app_user set status = 'disabled' where id = ${user.id}`.execute(orm.em.fork().getKysely());
    expect((await login(user.email)).statusCode).toBe(401);
    expect((await api.as(access_token).get('/api/v1/auth/me')).statusCode).toBe(401);
    expect((await refresh(refresh_token)).statusCode).toBe(401);
  });

  test('ten tries a minute for an account and address, though limits are off', async () => {
    const { user } = await register();
    for (let tries = 0; tries < 10; tries += 1)
      expect((await login(user.email, 'wrong password')).statusCode).toBe(401);
    const refused = await login(user.email.toUpperCase());
    expect([refused.statusCode, codeOf(refused)]).toEqual([429, 'rate_limited']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    const elsewhere = await api
      .as()
      .post('/api/v1/auth/login', { email: user.email, password: PASSWORD }, { 'x-forwarded-for': '203.0.113.9' });
    expect(elsewhere.statusCode).toBe(200);
    expect((await login((await register()).user.email)).statusCode).toBe(200);
  });
});

describe('refresh', () => {
  test('gives new tokens each time and the old refresh token ends the session', async () => {
    const first = await register();
    const second = (await refresh(first.refresh_token)).json<Tokens>();
    expect(second.user).toEqual(first.user);
    const third = (await refresh(second.refresh_token)).json<Tokens>();
    expect(new Set([first.refresh_token, second.refresh_token, third.refresh_token]).size).toBe(3);
    const reused = await refresh(first.refresh_token);
    expect([reused.statusCode, codeOf(reused)]).toEqual([401, 'unauthenticated']);
    expect((await refresh(third.refresh_token)).statusCode).toBe(401);
    expect((await api.as(third.access_token).get('/api/v1/auth/me')).statusCode).toBe(401);
  });

  test('leaves the other sessions of the user alone', async () => {
    const first = await register();
    const other = (await login(first.user.email)).json<Tokens>();
    await refresh(first.refresh_token);
    await refresh(first.refresh_token);
    expect((await refresh(other.refresh_token)).statusCode).toBe(200);
  });

  test.each([2, 5, 8])('of %i at once exactly one wins', async (count) => {
    const { refresh_token } = await register();
    const responses = await Promise.all(Array.from({ length: count }, () => refresh(refresh_token)));
    const statuses = responses.map((response) => response.statusCode);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 401)).toHaveLength(count - 1);
  });

  test.each(['', 'nonsense', `${randomUUID()}.${'a'.repeat(43)}`])('refuses %j', async (token) => {
    expect((await refresh(token)).statusCode).toBe(401);
  });

  test('is stored as a hash only and ends after a week', async () => {
    const { refresh_token } = await register();
    const [id = '', secret = ''] = refresh_token.split('.');
    const kysely = api.database.orm.em.fork().getKysely();
    const { rows } = await sql<{ stored: string; days: number }>`
      select row_to_json(s)::text as stored, extract(day from expires_at - created_at)::int as days
        from user_session s where id = ${id}`.execute(kysely);
    expect(rows[0]?.days).toBe(7);
    expect(rows[0]?.stored).not.toContain(secret);
    await sql`update user_session set expires_at = now() where id = ${id}`.execute(kysely);
    expect((await refresh(refresh_token)).statusCode).toBe(401);
  });
});

test('logout ends the session with all of its tokens', async () => {
  const { access_token, refresh_token } = await register();
  const caller = api.as(access_token);
  expect((await caller.post('/api/v1/auth/logout')).statusCode).toBe(204);
  expect((await caller.get('/api/v1/auth/me')).statusCode).toBe(401);
  expect((await refresh(refresh_token)).statusCode).toBe(401);
});

describe('access tokens', () => {
  test.each([
    ['of another secret', () => 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dQ'],
    ['without a signature', () => `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`],
    ['that expired', (token: string, id: string) => api.app.jwt.sign({ sub: id, sid: token }, { expiresIn: -1 })],
    ['of another issuer', (token: string, id: string) => api.app.jwt.sign({ sub: id, sid: token }, { iss: 'other' })],
  ])('%s are refused', async (_name, make) => {
    const user = await api.user('fan');
    const response = await api.as(make(user.sessionId, user.id)).get('/api/v1/auth/me');
    expect([response.statusCode, response.headers['www-authenticate']]).toEqual([401, 'Bearer']);
  });
});

describe('roles', () => {
  test('count from the next request on and are kept in the audit log', async () => {
    const admin = await api.user('admin');
    const fan = await api.user('fan');
    expect((await api.as(fan).get('/api/v1/admin/users')).statusCode).toBe(403);
    const granted = await api.as(admin).post(`/api/v1/admin/users/${fan.id}/roles`, { roles: ['admin', 'creator'] });
    expect(granted.statusCode).toBe(200);
    expect(granted.json()).toMatchObject({ roles: ['admin', 'creator'], creator_id: expect.any(String) });
    expect((await api.as(fan).get('/api/v1/admin/users')).statusCode).toBe(200);
    await api.as(admin).post(`/api/v1/admin/users/${fan.id}/roles`, { roles: ['fan'] });
    expect((await api.as(fan).get('/api/v1/admin/users')).statusCode).toBe(403);
    const { rows } = await sql`
      select actor, details from audit_log where subject_id = ${fan.id} order by id
    `.execute(api.database.orm.em.fork().getKysely());
    expect(rows).toEqual([
      { actor: `user:${admin.id}`, details: { before: ['fan'], after: ['admin', 'creator'] } },
      { actor: `user:${admin.id}`, details: { before: ['admin', 'creator'], after: ['fan'] } },
    ]);
  });

  test('nobody edits the audit log, not even the application', async () => {
    const kysely = api.database.orm.em.fork().getKysely();
    const attempts = [sql`update audit_log set actor = 'me'`, sql`delete from audit_log`, sql`truncate audit_log`];
    for (const attempt of attempts) await expect(attempt.execute(kysely)).rejects.toThrow('permission denied');
  });

  test.each([[['owner']], [[]], [['fan', 'fan']], ['fan']])('refuses %j', async (roles) => {
    const [admin, fan] = [await api.user('admin'), await api.user('fan')];
    expect((await api.as(admin).post(`/api/v1/admin/users/${fan.id}/roles`, { roles })).statusCode).toBe(400);
  });

  test('nobody can be found by an id that is none', async () => {
    const admin = api.as(await api.user('admin'));
    expect((await admin.post(`/api/v1/admin/users/${randomUUID()}/roles`, { roles: ['fan'] })).statusCode).toBe(404);
    expect((await admin.post('/api/v1/admin/users/7/roles', { roles: ['fan'] })).statusCode).toBe(400);
  });

  test('users are found by name, address and role, page by page', async () => {
    const name = randomUUID();
    const ids = [];
    for (const role of ['fan', 'creator', 'fan'])
      ids.unshift((await register({ full_name: `N ${name}`, role })).user.id);
    const admin = api.as(await api.user('admin'));
    const list = (query: string) => admin.get(`/api/v1/admin/users?q=${name.toUpperCase()}${query}`);
    type List = { data: { id: string }[]; has_more: boolean; next_cursor: string | null };
    const first = (await list('&limit=2')).json<List>();
    expect(first).toMatchObject({ data: [{ id: ids[0] }, { id: ids[1] }], has_more: true });
    const second = (await list(`&limit=2&cursor=${first.next_cursor ?? ''}`)).json<List>();
    expect(second).toMatchObject({ data: [{ id: ids[2] }], has_more: false, next_cursor: null });
    expect((await list('&role=creator')).json<List>().data).toMatchObject([{ id: ids[1] }]);
    for (const limit of ['0', '101', 'x', '1.5']) expect((await list(`&limit=${limit}`)).statusCode).toBe(400);
    expect((await list('&cursor=abc')).statusCode).toBe(400);
  });
});

describe('the first admin', () => {
  const admin = (email: string, password = PASSWORD) => ({ admin: { email, password } });

  test('is made once, can sign in, and the last admin stays one', async () => {
    const own = await createTestApi();
    try {
      const email = address();
      await Promise.all([1, 2, 3].map(() => ensureFirstAdmin(own.database.orm, admin(email))));
      await ensureFirstAdmin(own.database.orm, admin(address()));
      const signedIn = (await own.as().post('/api/v1/auth/login', { email, password: PASSWORD })).json<Tokens>();
      expect(signedIn.user.roles).toEqual(['admin']);
      const caller = own.as(signedIn.access_token);
      const { data } = (await caller.get('/api/v1/admin/users')).json<{ data: unknown[] }>();
      expect(data).toHaveLength(1);
      const last = await caller.post(`/api/v1/admin/users/${signedIn.user.id}/roles`, { roles: ['fan'] });
      expect([last.statusCode, codeOf(last)]).toEqual([409, 'conflict']);
    } finally {
      await own.close();
    }
  });

  test('takes over an address that somebody registered before', async () => {
    const own = await createTestApi();
    try {
      const email = address();
      const stranger = (await own.as().post('/api/v1/auth/register', person({ email }))).json<Tokens>();
      await ensureFirstAdmin(own.database.orm, admin(email, 'another password'));
      expect((await own.as(stranger.access_token).get('/api/v1/auth/me')).statusCode).toBe(401);
      expect((await own.as().post('/api/v1/auth/login', { email, password: PASSWORD })).statusCode).toBe(401);
      const right = await own.as().post('/api/v1/auth/login', { email, password: 'another password' });
      expect(right.json<Tokens>().user.roles).toEqual(['creator', 'admin']);
    } finally {
      await own.close();
    }
  });
});

describe('API keys', () => {
  test('are shown once, work until revoked and leave a trail', async () => {
    const admin = api.as(await api.user('admin'));
    const made = await admin.post('/api/v1/admin/api-keys', { name: 'metering', scopes: ['metrics:write'] });
    expect(made.statusCode).toBe(201);
    const { id, key, prefix } = made.json<{ id: string; key: string; prefix: string }>();
    expect(made.json()).toMatchObject({ name: 'metering', scopes: ['metrics:write'], last_used_at: null });
    expect(key.startsWith(prefix)).toBe(true);
    expect((await api.as(key).get('/api/v1/auth/me')).statusCode).toBe(403);
    const list = await admin.get('/api/v1/admin/api-keys');
    expect(list.body).not.toContain(key);
    const shown = list
      .json<{ data: { id: string; last_used_at: string | null }[] }>()
      .data.find((one) => one.id === id);
    expect(shown?.last_used_at).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    const { rows } = await sql<{ stored: string }>`
      select row_to_json(k)::text as stored from api_key k where id = ${id}`.execute(
      api.database.orm.em.fork().getKysely(),
    );
    expect(rows[0]?.stored).not.toContain(key);
    expect((await admin.delete(`/api/v1/admin/api-keys/${id}`)).statusCode).toBe(204);
    expect((await api.as(key).get('/api/v1/auth/me')).statusCode).toBe(401);
    expect((await admin.delete(`/api/v1/admin/api-keys/${id}`)).statusCode).toBe(404);
  });

  test.each([[{ scopes: [] }], [{ scopes: ['everything'] }], [{}], [{ scopes: ['metrics:write'], role: 'admin' }]])(
    'refuses %j',
    async (body) => {
      const admin = api.as(await api.user('admin'));
      expect((await admin.post('/api/v1/admin/api-keys', body)).statusCode).toBe(400);
    },
  );
});
