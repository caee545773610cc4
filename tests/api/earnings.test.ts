import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { createTestApi, type TestApi, type TestUser } from '../support/api.ts';

let api: TestApi;
let creator: TestUser;

interface Row {
  gross: number;
  fee?: number;
  status?: string;
  source?: string;
  platform?: string | null;
  at?: string;
  clawedBack?: number;
  paid?: number;
  currency?: string;
  of?: TestUser;
}

beforeAll(async () => {
  api = await createTestApi();
  creator = await api.user('creator');
  await add({ gross: 1000, fee: 100, at: '2025-10-05T00:00:00Z', status: 'paid', paid: 900, platform: 'youtube' });
  await add({ gross: 500, at: '2025-10-31T23:59:59.999Z', status: 'locked', platform: 'tiktok' });
  await add({ gross: 300, at: '2025-11-01T00:00:00Z', source: 'api_usage', fee: 60, clawedBack: 40 });
  await add({ gross: 70, status: 'pending' });
  await add({ gross: 9999, status: 'external', platform: 'youtube', at: '2025-11-02T00:00:00Z' });
  await add({ gross: 123, of: await api.user('creator') });
});
afterAll(() => api.close());

async function add(row: Row): Promise<string> {
  const { gross, fee = 0, status = 'pending', source = 'campaign', platform = null, clawedBack = 0, paid = 0 } = row;
  const at = row.at ?? new Date().toISOString();
  const { rows } = await sql<{ id: string }>`
    insert into earning (creator_id, source_type, source_id, source_event, platform, gross, fee, net, currency, status, paid_amount,
                         clawed_back_amount, rules_version, earned_at, release_at)
    values (${(row.of ?? creator).creatorId}, ${source}, uuidv7(), ${crypto.randomUUID()}, ${platform}, ${gross}, ${fee}, ${gross - fee},
            ${row.currency ?? 'USD'}, ${status}, ${paid}, ${clawedBack}, 1, ${at}, ${at}) returning id`.execute(
    api.database.orm.em.fork().getKysely(),
  );
  return rows[0]!.id;
}

interface Earnings {
  summary: Record<string, number | string>;
  data: { id: string; gross: number; net: number; status: string; source_type: string; earned_at: string }[];
  has_more: boolean;
  next_cursor: string | null;
}
const earnings = async (query = '', as = creator) =>
  (await api.as(as).get(`/api/v1/earnings${query}`)).json<Earnings>();
const grosses = async (query: string) => (await earnings(query)).data.map(({ gross }) => gross);

describe('the summary', () => {
  test('says where the money is', async () => {
    expect((await earnings()).summary).toEqual({
      currency: 'USD',
      gross: 1870,
      platform_fees: 160,
      pending: 270,
      locked: 500,
      paid: 900,
      lifetime: 1670,
      this_month: 70,
      external: 9999,
    });
  });

  test('is nothing for somebody new', async () => {
    const { summary, data } = await earnings('', await api.user('creator'));
    expect(summary).toMatchObject({ currency: 'USD', gross: 0, lifetime: 0, external: 0 });
    expect(data).toEqual([]);
  });

  test('counts what a payout has paid of an earning as paid', async () => {
    const somebody = await api.user('creator');
    const id = await add({ gross: 1000, status: 'locked', paid: 700, of: somebody });
    await sql`
      with payouts as (
        insert into payout (creator_id, request_key, status, amount, currency, method, requested_by)
        select ${somebody.creatorId}::uuid, gen_random_uuid()::text, status, 350, 'USD', 'manual', 'test'
          from (values ('completed'), ('processing')) as s (status) returning id)
      insert into payout_line_item (payout_id, created_for, earning_id, source_type, description, gross, fee, net)
      select id, 1, ${id}::uuid, 'campaign', 'x', 350, 0, 350 from payouts`.execute(
      api.database.orm.em.fork().getKysely(),
    );
    expect((await earnings('', somebody)).summary).toMatchObject({ locked: 650, paid: 350, lifetime: 1000 });
  });
});

describe('the list', () => {
  test('is newest first and only the own', async () => {
    expect(await grosses('')).toEqual([70, 9999, 300, 500, 1000]);
  });

  test('filters', async () => {
    expect(await grosses('?status=locked')).toEqual([500]);
    expect(await grosses('?source_type=api_usage')).toEqual([300]);
    expect(await grosses('?platform=youtube')).toEqual([9999, 1000]);
    expect(await grosses('?status=clawed_back')).toEqual([]);
  });

  test('takes dates as whole days and instants as they are, for the summary too', async () => {
    const october = await earnings('?from=2025-10-01&to=2025-10-31');
    expect(october.data.map(({ gross }) => gross)).toEqual([500, 1000]);
    expect(october.summary).toMatchObject({ gross: 1500, lifetime: 1400, paid: 900, locked: 500, external: 0 });
    expect(await grosses('?from=2025-11-01T00:00:00Z&to=2025-11-02T00:00:00Z')).toEqual([300]);
  });

  test.each(['?status=lost', '?from=yesterday', '?limit=0', '?limit=101', '?cursor=abc', '?source_type=luck'])(
    'refuses %s',
    async (query) => {
      expect((await api.as(creator).get(`/api/v1/earnings${query}`)).json()).toMatchObject({
        status: 400,
        code: 'validation_failed',
      });
    },
  );

  test('pages without missing or repeating any, also of the same instant', async () => {
    const somebody = await api.user('creator');
    const at = '2026-01-01T00:00:00Z';
    for (let i = 0; i < 5; i += 1) await add({ gross: i + 1, of: somebody, at });
    const seen: number[] = [];
    let query = '?limit=2';
    for (;;) {
      const answer = await earnings(query, somebody);
      seen.push(...answer.data.map(({ gross }) => gross));
      if (answer.next_cursor === null) break;
      query = `?limit=2&cursor=${answer.next_cursor}`;
    }
    expect(seen).toEqual([5, 4, 3, 2, 1]);
  });
});

test('GET /earnings/summary adds up by month, by source and by platform', async () => {
  const answer = await api.as(creator).get('/api/v1/earnings/summary?to=2025-12-31');
  expect(answer.json()).toEqual({
    currency: 'USD',
    months: [
      { month: '2025-10', gross: 1500, fees: 100, net: 1400 },
      { month: '2025-11', gross: 10_299, fees: 60, net: 10_199 },
    ],
    sources: [
      { source_type: 'api_usage', gross: 300, fees: 60, net: 200 },
      { source_type: 'campaign', gross: 11_499, fees: 100, net: 11_399 },
    ],
    platforms: [
      { platform: 'tiktok', gross: 500, fees: 0, net: 500 },
      { platform: 'youtube', gross: 10_999, fees: 100, net: 10_899 },
      { platform: null, gross: 300, fees: 60, net: 200 },
    ],
  });
});

describe('policies', () => {
  const url = '/api/v1/admin/earning-policies';
  const policies = async () => {
    const admin = await api.user('admin');
    const { data } = (await api.as(admin).get(url)).json<{
      data: { source_type: string; fee_bps: number; hold: string }[];
    }>();
    return Object.fromEntries(data.map(({ source_type: source, fee_bps: fee, hold }) => [source, `${fee} ${hold}`]));
  };

  test('are those of the contract at first, and what an admin sets', async () => {
    expect(await policies()).toEqual({
      campaign: '0 14d',
      api_usage: '2000 7d',
      subscription: '0 0s',
      referral: '0 0s',
      view: '0 0s',
      tip: '0 0s',
    });
    const admin = await api.user('admin');
    const changed = await api.as(admin).put(`${url}/tip`, { fee_bps: 250, hold: '36h' });
    expect(changed.json()).toMatchObject({ source_type: 'tip', fee_bps: 250, hold: '36h' });
    expect((await api.as(admin).get(`${url}/tip`)).json()).toMatchObject({ fee_bps: 250, hold: '36h' });
    const { rows } = await sql`
      select actor, details from audit_log where subject_type = 'earning_policy' and subject_id = 'tip'`.execute(
      api.database.orm.em.fork().getKysely(),
    );
    expect(rows).toEqual([
      {
        actor: `user:${admin.id}`,
        details: { before: { fee_bps: 0, hold: '0s' }, after: { fee_bps: 250, hold: '36h' } },
      },
    ]);
  });

  test.each([
    { fee_bps: 10_001, hold: '1d' },
    { fee_bps: -1, hold: '1d' },
    { fee_bps: 0, hold: '14 days' },
    { fee_bps: 0, hold: '366d' },
    { fee_bps: 0 },
  ])('refuse %j', async (body) => {
    const answer = await api.as(await api.user('admin')).put(`${url}/view`, body);
    expect(answer.json()).toMatchObject({ status: 400, code: 'validation_failed' });
  });

  test('exist for known sources, and for admins to change', async () => {
    const body = { fee_bps: 0, hold: '1d' };
    expect((await api.as(await api.user('admin')).put(`${url}/luck`, body)).statusCode).toBe(400);
    expect((await api.as(await api.user('finance')).put(`${url}/tip`, body)).statusCode).toBe(403);
  });
});
