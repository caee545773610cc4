import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { createTestApi, type TestApi } from '../support/api.ts';
import { addCampaign, addParticipation, addPost } from '../support/campaigns.ts';

let api: TestApi;
let key: string;
let participationId: string;

beforeAll(async () => {
  api = await createTestApi();
  key = await api.apiKey('metrics:write');
  participationId = await addParticipation(api.database.orm, await addCampaign(api.database.orm));
});
afterAll(() => api.close());

const report = (snapshots: object[]) => api.as(key).post('/api/v1/metrics', { snapshots });
const count = (value: number, more: object = {}) => ({
  participation_id: participationId,
  metric: 'views',
  value,
  observed_at: '2026-01-02T03:04:05.678Z',
  ...more,
});

test('keeps the same count of the same subject at the same instant once, ever', async () => {
  const { url } = await addPost(api.database.orm, participationId);
  const post = { post_url: url, metric: 'views', value: 10, observed_at: '2026-01-02T03:04:05Z' };
  const sameInstant = { ...post, observed_at: '2026-01-02T04:04:05+01:00' };
  const batch = [count(10), count(10), post, sameInstant, { ...post, metric: 'likes' }, count(11)];
  expect((await report(batch)).json()).toEqual({ accepted: 4, duplicates: 2, rejected: [] });
  expect((await report(batch)).json()).toEqual({ accepted: 0, duplicates: 6, rejected: [] });
});

test('of two who send the same at once, each count is kept once', async () => {
  const batch = Array.from({ length: 200 }, (_, i) => count(1000 + i));
  const answers = await Promise.all([report(batch), report([...batch].reverse()), report(batch)]);
  const accepted = answers.map((answer) => answer.json<{ accepted: number }>().accepted);
  expect(accepted.reduce((sum, n) => sum + n, 0)).toBe(200);
});

test('rejects what cannot be counted and takes the rest', async () => {
  const closed = await addParticipation(api.database.orm, await addCampaign(api.database.orm), { status: 'completed' });
  const answer = await report([
    count(1),
    count(1, { participation_id: crypto.randomUUID() }),
    { post_url: 'https://youtu.be/unknownpost', metric: 'views', value: 1, observed_at: '2026-01-02T03:04:05Z' },
    { post_url: 'not a post', metric: 'views', value: 1, observed_at: '2026-01-02T03:04:05Z' },
    count(1, { participation_id: closed }),
    count(1, { observed_at: new Date(Date.now() + 600_000).toISOString() }),
    count(Number.MAX_SAFE_INTEGER, { metric: 'clicks' }),
  ]);
  expect(answer.statusCode).toBe(202);
  expect(answer.json()).toEqual({
    accepted: 2,
    duplicates: 0,
    rejected: [
      { index: 1, code: 'not_found' },
      { index: 2, code: 'not_found' },
      { index: 3, code: 'not_found' },
      { index: 4, code: 'invalid_state' },
      { index: 5, code: 'validation_failed' },
    ],
  });
});

describe('a batch with a mistake in its form is refused as a whole', () => {
  test.each<[string, () => object[]]>([
    ['none', () => []],
    ['too many', () => Array.from({ length: 1001 }, (_, i) => count(i))],
    ['no subject', () => [count(5, { participation_id: undefined })]],
    ['two subjects', () => [count(5, { post_url: 'https://youtu.be/dQw4w9WgXcQ' })]],
    ['an unknown field', () => [count(5, { note: 'x' })]],
    ['an unknown metric', () => [count(5, { metric: 'shares' })]],
    ['a negative count', () => [count(-1)]],
    ['half a count', () => [count(1.5)]],
    ['a count as text', () => [count(0, { value: '5' })]],
    ['a count that no number holds', () => [count(2 ** 53)]],
    ['no instant', () => [count(5, { observed_at: '2026-01-02' })]],
    ['an instant without an offset', () => [count(5, { observed_at: '2026-01-02T03:04:05' })]],
    ['an instant that never was', () => [count(5, { observed_at: '2026-02-30T03:04:05Z' })]],
    ['an instant in no calendar', () => [count(5, { observed_at: '0000-01-02T03:04:05Z' })]],
    ['an offset that is nowhere', () => [count(5, { observed_at: '2026-01-02T03:04:05+23:59' })]],
  ])('%s', async (_name, make) => {
    const snapshots = make();
    const before = await total();
    const answer = await report([...snapshots, ...(snapshots.length === 1 ? [count(777)] : [])]);
    expect(answer.json()).toMatchObject({ status: 400, code: 'validation_failed' });
    expect(await total()).toBe(before);
  });
});

async function total(): Promise<string> {
  const { rows } = await sql<{ n: string }>`select count(*) as n from metric_snapshot`.execute(
    api.database.orm.em.fork().getKysely(),
  );
  return rows[0]!.n;
}

test('a leap second is an instant', async () => {
  expect((await report([count(5, { observed_at: '2016-12-31T23:59:60Z' })])).json()).toMatchObject({ accepted: 1 });
});

test('is for services with the scope only', async () => {
  const other = await api.apiKey('billing:write');
  for (const caller of [other, await api.user('admin'), await api.user('creator')]) {
    expect((await api.as(caller).post('/api/v1/metrics', { snapshots: [count(1)] })).statusCode).toBe(403);
  }
});

test('nobody, not even the application, changes or deletes a snapshot', async () => {
  const kysely = api.database.orm.em.fork().getKysely();
  await expect(sql`update metric_snapshot set value = 0`.execute(kysely)).rejects.toThrow(/permission denied/);
  await expect(sql`delete from metric_snapshot`.execute(kysely)).rejects.toThrow(/permission denied/);
});
