import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { campaignBudget } from '../../src/ledger/accounts.ts';
import { createTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { balanceOf } from '../support/campaigns.ts';
import { until } from '../support/client.ts';
import { createTestNamespace, startTestWorkers } from '../support/workers.ts';

let api: TestApi;
let workers: { stop: () => Promise<void> };
let brand: TestUser;
let reviewer: TestUser;

beforeAll(async () => {
  api = await createTestApi({ temporal: await createTestNamespace() });
  workers = await startTestWorkers(api.app.settings);
  [brand, reviewer] = [await api.user('brand'), await api.user('reviewer')];
});
afterAll(async () => {
  await workers.stop();
  await api.close();
});

interface Campaign {
  id: string;
  status: string;
  title: string;
  budget: number;
  currency: string;
  funded?: number;
  spent?: number;
  targeting: object;
  allowlist?: string[];
}

const DAY_MS = 86_400_000;
const terms = {
  title: 'Summer',
  brief: 'Show the sun',
  destination_url: 'https://brand.example/summer',
  currency: 'USD',
  budget: 50_000,
  rate_per_thousand: 150,
  metric: 'views',
  platforms: ['youtube'],
  slots: 2,
  per_creator_cap: 20_000,
  starts_at: new Date(Date.now() - DAY_MS).toISOString(),
  ends_at: new Date(Date.now() + DAY_MS).toISOString(),
};

async function draft(changes: object = {}): Promise<Campaign> {
  const response = await api.as(brand).post('/api/v1/campaigns', { ...terms, ...changes });
  expect(response.statusCode).toBe(201);
  return response.json<Campaign>();
}

const step = (as: TestUser, { id }: { id: string }, name: string, body?: object) =>
  api.as(as).post(`/api/v1/campaigns/${id}/${name}`, body);

async function published(changes: object = {}): Promise<Campaign> {
  const campaign = await draft(changes);
  await step(brand, campaign, 'fund', { amount: campaign.budget });
  await step(brand, campaign, 'submit');
  const response = await step(reviewer, campaign, 'publish');
  expect(response.statusCode).toBe(200);
  return response.json<Campaign>();
}

describe('drafting', () => {
  test('answers with the campaign as it was given', async () => {
    const targeting = { countries: ['US', 'GB'], min_followers: 10 };
    const campaign = await draft({ targeting, daily_budget: 1000, hourly_budget: null });
    expect(campaign).toMatchObject({ ...terms, targeting, status: 'draft', funded: 0, spent: 0, allowlist: [] });
    const found = await api.as(brand).get(`/api/v1/campaigns/${campaign.id}`);
    expect(found.json()).toEqual(campaign);
  });

  test('with an idempotency key happens once', async () => {
    const headers = { 'idempotency-key': crypto.randomUUID() };
    const first = await api.as(brand).post('/api/v1/campaigns', terms, headers);
    const again = await api.as(brand).post('/api/v1/campaigns', terms, headers);
    expect(again.json<Campaign>().id).toBe(first.json<Campaign>().id);
    expect(again.headers['idempotent-replayed']).toBe('true');
  });

  test.each([
    ['a budget of nothing', { budget: 0 }, 'budget'],
    ['a budget that is no integer', { budget: 10.5 }, 'budget'],
    ['an unknown field', { bonus: 1 }, 'bonus'],
    ['an unknown metric', { metric: 'shares' }, 'metric'],
    ['an unknown platform', { platforms: ['myspace'] }, 'platforms.0'],
    ['no slots', { slots: 0 }, 'slots'],
    ['a currency in small letters', { currency: 'usd' }, 'currency'],
    ['an end before the start', { ends_at: new Date(Date.now() - 2 * DAY_MS).toISOString() }, 'ends_at'],
    ['a link that is none', { destination_url: 'javascript:alert(1)' }, 'destination_url'],
  ])('refuses %s', async (_name, changes, path) => {
    const response = await api.as(brand).post('/api/v1/campaigns', { ...terms, ...changes });
    expect(response.statusCode).toBe(400);
    expect(response.json()).toMatchObject({ code: 'validation_failed', errors: [{ path }] });
  });

  test('can be changed until it is submitted', async () => {
    const campaign = await draft();
    const changed = await api
      .as(brand)
      .patch(`/api/v1/campaigns/${campaign.id}`, { title: 'Winter', per_creator_cap: null });
    expect(changed.json()).toMatchObject({ title: 'Winter', per_creator_cap: null, budget: 50_000 });
    await step(brand, campaign, 'submit');
    const late = await api.as(brand).patch(`/api/v1/campaigns/${campaign.id}`, { title: 'Autumn' });
    expect(late.json()).toMatchObject({ status: 409, code: 'invalid_state' });
  });

  test('keeps the currency that it is funded in', async () => {
    const campaign = await draft();
    await step(brand, campaign, 'fund', { amount: 1 });
    const response = await api.as(brand).patch(`/api/v1/campaigns/${campaign.id}`, { currency: 'EUR' });
    expect(response.json()).toMatchObject({ status: 422, code: 'currency_mismatch' });
  });
});

describe('funding', () => {
  test('holds the money on the ledger, once for an idempotency key', async () => {
    const campaign = await draft();
    const headers = { 'idempotency-key': crypto.randomUUID() };
    const url = `/api/v1/campaigns/${campaign.id}/fund`;
    for (let i = 0; i < 2; i += 1) await api.as(brand).post(url, { amount: 700 }, headers);
    const more = await api.as(brand).post(url, { amount: 300, currency: 'USD' });
    expect(more.json()).toMatchObject({ funded: 1000 });
    expect(await balanceOf(api.database.orm, campaignBudget(campaign.id, 'USD').id)).toBe(1000n);
  });

  test('takes the currency of the campaign only', async () => {
    const response = await step(brand, await draft(), 'fund', { amount: 700, currency: 'EUR' });
    expect(response.json()).toMatchObject({ status: 422, code: 'currency_mismatch' });
  });

  test('adds up when many pay at once', async () => {
    const campaign = await draft();
    await Promise.all(Array.from({ length: 10 }, () => step(brand, campaign, 'fund', { amount: 10 })));
    expect(await balanceOf(api.database.orm, campaignBudget(campaign.id, 'USD').id)).toBe(100n);
  });
});

describe('from draft to published to completed', () => {
  test('takes each step once and in order', async () => {
    const campaign = await draft();
    await step(brand, campaign, 'fund', { amount: 50_000 });
    const tooEarly = await step(reviewer, campaign, 'publish');
    expect(tooEarly.json()).toMatchObject({ status: 409, code: 'invalid_state' });
    expect((await step(brand, campaign, 'submit')).json()).toMatchObject({ status: 'reviewing' });
    expect((await step(brand, campaign, 'submit')).statusCode).toBe(409);
    expect((await step(reviewer, campaign, 'publish')).json()).toMatchObject({ status: 'published' });
    expect((await step(reviewer, campaign, 'publish')).statusCode).toBe(409);
    expect((await step(brand, campaign, 'complete')).json()).toMatchObject({ status: 'completed' });
    expect((await step(brand, campaign, 'complete')).json()).toMatchObject({ status: 409, code: 'invalid_state' });
    expect((await step(brand, campaign, 'fund', { amount: 1 })).statusCode).toBe(409);
  });

  test('does not publish what is not funded in full', async () => {
    const campaign = await draft();
    await step(brand, campaign, 'fund', { amount: 49_999 });
    await step(brand, campaign, 'submit');
    expect((await step(reviewer, campaign, 'publish')).json()).toMatchObject({ status: 409, code: 'invalid_state' });
    await step(brand, campaign, 'fund', { amount: 1 });
    expect((await step(reviewer, campaign, 'publish')).json()).toMatchObject({ status: 'published' });
  });

  test('one of several who take a step at once succeeds', async () => {
    const campaign = await draft();
    const all = await Promise.all(Array.from({ length: 4 }, () => step(brand, campaign, 'submit')));
    expect(all.map(({ statusCode }) => statusCode).sort()).toEqual([200, 409, 409, 409]);
  });

  test('with an idempotency key is answered as the first time', async () => {
    const campaign = await draft();
    const headers = { 'idempotency-key': crypto.randomUUID() };
    const url = `/api/v1/campaigns/${campaign.id}/submit`;
    expect((await api.as(brand).post(url, undefined, headers)).statusCode).toBe(200);
    expect((await api.as(brand).post(url, undefined, headers)).json()).toMatchObject({ status: 'reviewing' });
  });

  test('completes by itself when its time is over', async () => {
    const campaign = await published({ ends_at: new Date(Date.now() + 1500).toISOString() });
    const status = async () => (await api.as(brand).get(`/api/v1/campaigns/${campaign.id}`)).json<Campaign>().status;
    expect(await until(status, (now) => now === 'completed')).toBe('completed');
  });

  test('is not for a brand to publish, nor for another brand to touch', async () => {
    const campaign = await draft();
    expect((await step(brand, campaign, 'publish')).statusCode).toBe(403);
    const stranger = await api.user('brand');
    for (const name of ['submit', 'complete']) expect((await step(stranger, campaign, name)).statusCode).toBe(404);
    expect((await step(stranger, campaign, 'fund', { amount: 1 })).statusCode).toBe(404);
    expect((await api.as(stranger).patch(`/api/v1/campaigns/${campaign.id}`, {})).statusCode).toBe(404);
  });
});

describe('looking', () => {
  const idsOf = async (as: TestUser, query: string) => {
    const response = await api.as(as).get(`/api/v1/campaigns?limit=100${query}`);
    return response.json<{ data: Campaign[] }>().data.map(({ id }) => id);
  };

  test('everybody sees what is published, its brand and staff the rest', async () => {
    const [hidden, shown] = [await draft(), await published()];
    const [creator, stranger] = [await api.user('creator'), await api.user('brand')];
    for (const somebody of [creator, stranger]) {
      expect(await idsOf(somebody, '&status=published')).toContain(shown.id);
      expect(await idsOf(somebody, '')).not.toContain(hidden.id);
      expect(await idsOf(somebody, '&status=draft')).not.toContain(hidden.id);
      expect((await api.as(somebody).get(`/api/v1/campaigns/${hidden.id}`)).statusCode).toBe(404);
    }
    expect(await idsOf(brand, '')).toEqual(expect.arrayContaining([hidden.id, shown.id]));
    expect(await idsOf(reviewer, '&status=draft')).toContain(hidden.id);
    const seen = await api.as(creator).get(`/api/v1/campaigns/${shown.id}`);
    expect(seen.json()).not.toHaveProperty('allowlist');
    expect(seen.json()).not.toHaveProperty('spent');
  });

  test('pages', async () => {
    const owner = await api.user('brand');
    for (let i = 0; i < 3; i += 1) await api.as(owner).post('/api/v1/campaigns', terms);
    const first = (await api.as(owner).get('/api/v1/campaigns?limit=2')).json<{
      data: Campaign[];
      next_cursor: string;
    }>();
    const rest = await api.as(owner).get(`/api/v1/campaigns?limit=2&cursor=${first.next_cursor}`);
    expect(first).toMatchObject({ has_more: true });
    expect(rest.json()).toMatchObject({ has_more: false, next_cursor: null });
    expect(new Set([...first.data, ...rest.json<{ data: Campaign[] }>().data].map(({ id }) => id)).size).toBe(3);
  });
});
