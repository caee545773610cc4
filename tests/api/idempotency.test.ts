import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { codeOf, createTestApi, type Caller, type TestApi } from '../support/api.ts';

let api: TestApi;
let admin: Caller;

beforeAll(async () => {
  api = await createTestApi();
  admin = api.as(await api.user('admin'));
});
afterAll(async () => {
  await api.close();
});

const creator = () => ({ name: 'Added', email: `${randomUUID()}@example.com` });
const add = (key: string, body: object, by = admin, path = '/api/v1/creators') =>
  by.post(path, body, { 'idempotency-key': key });
const database = () => api.database.orm.em.fork().getKysely();

async function countByEmail(email: string): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*)::int as n from creator where email = ${email}`.execute(
    database(),
  );
  return rows[0]!.n;
}

test('a repeated request gets the first answer again', async () => {
  const [key, body] = [randomUUID(), creator()];
  const first = await add(key, body);
  expect([first.statusCode, first.headers['idempotent-replayed']]).toEqual([201, undefined]);
  const again = await add(key, body);
  expect([again.statusCode, again.headers['idempotent-replayed']]).toEqual([201, 'true']);
  expect(again.body).toBe(first.body);
  expect(again.headers['content-type']).toBe(first.headers['content-type']);
  const alias = await admin.post('/api/v1/creators', body, { 'x-idempotency-key': key });
  expect(alias.body).toBe(first.body);
});

test('a refusal is repeated too', async () => {
  const body = creator();
  await add(randomUUID(), body);
  const key = randomUUID();
  const refused = await add(key, body);
  expect([refused.statusCode, codeOf(refused)]).toEqual([409, 'email_taken']);
  const again = await add(key, body);
  expect([again.statusCode, again.body, again.headers['idempotent-replayed']]).toEqual([409, refused.body, 'true']);
  expect(again.headers['content-type']).toBe('application/problem+json');
});

test('a key stands for one body and one path', async () => {
  const [key, body] = [randomUUID(), creator()];
  await add(key, body);
  const otherBody = await add(key, { ...body, name: 'Another' });
  expect([otherBody.statusCode, codeOf(otherBody)]).toEqual([422, 'idempotency_key_reused']);
  const otherPath = await add(key, body, admin, '/creators');
  expect([otherPath.statusCode, codeOf(otherPath)]).toEqual([422, 'idempotency_key_reused']);
  expect(await countByEmail(body.email)).toBe(1);
});

test('an invalid request uses no key up', async () => {
  const [key, body] = [randomUUID(), creator()];
  expect((await add(key, { ...body, name: '' })).statusCode).toBe(400);
  expect((await add(key, body)).statusCode).toBe(201);
});

test('keys of different callers never meet', async () => {
  const other = api.as(await api.user('admin'));
  const key = randomUUID();
  const [mine, theirs] = [await add(key, creator()), await add(key, creator(), other)];
  expect([mine.statusCode, theirs.statusCode]).toEqual([201, 201]);
});

test.each([2, 10])(
  'of %i at once one is carried out and the rest get its answer or are told to wait',
  async (count) => {
    const [key, body] = [randomUUID(), creator()];
    const responses = await Promise.all(Array.from({ length: count }, () => add(key, body)));
    const carriedOut = responses.filter((one) => one.statusCode === 201 && !('idempotent-replayed' in one.headers));
    expect(carriedOut).toHaveLength(1);
    for (const response of responses) {
      if (response.statusCode === 201) expect(response.body).toBe(carriedOut[0]?.body);
      else
        expect([response.statusCode, codeOf(response), response.headers['retry-after']]).toEqual([
          409,
          'conflict',
          '1',
        ]);
    }
    expect(await countByEmail(body.email)).toBe(1);
    expect((await add(key, body)).body).toBe(carriedOut[0]?.body);
  },
);

test('what a crash cut off is carried out again under the same id, and not twice', async () => {
  const [key, body] = [randomUUID(), creator()];
  const first = await add(key, body);
  // as if the process had died after its transaction and before the answer was kept
  await sql`update idempotency_record set response_status = null, response_body = null where key = ${key}`.execute(
    database(),
  );
  const early = await add(key, body);
  expect([early.statusCode, codeOf(early)]).toEqual([409, 'conflict']);
  await sql`update idempotency_record set locked_until = now() - interval '1 second' where key = ${key}`.execute(
    database(),
  );
  const responses = await Promise.all([add(key, body), add(key, body), add(key, body)]);
  for (const response of responses) expect([201, 409]).toContain(response.statusCode);
  const again = await add(key, body);
  expect(again.body).toBe(first.body);
  expect(await countByEmail(body.email)).toBe(1);
});

test('a key that has expired is free again', async () => {
  const [key, body] = [randomUUID(), creator()];
  const first = await add(key, creator());
  await sql`update idempotency_record set expires_at = now() - interval '1 second' where key = ${key}`.execute(
    database(),
  );
  const second = await add(key, body);
  expect(second.statusCode).toBe(201);
  expect(second.json<{ id: string }>().id).not.toBe(first.json<{ id: string }>().id);
});

test.each(['has spaces', 'x'.repeat(256), 'schlüssel'])('refuses the key %j', async (key) => {
  const response = await add(key, creator());
  expect([response.statusCode, codeOf(response)]).toEqual([400, 'validation_failed']);
});
