import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { queues, workflowIds } from '../../src/workflows/contracts.ts';
import { createTestApi, type TestApi, type TestUser } from '../support/api.ts';
import { addCampaign, setCampaignPolicy, type CampaignRow } from '../support/campaigns.ts';
import { until } from '../support/client.ts';
import { createTestNamespace, startTestWorkers } from '../support/workers.ts';

let api: TestApi;
let workers: { stop: () => Promise<void> };
let brand: TestUser;
let metricsKey: string;

beforeAll(async () => {
  api = await createTestApi({ temporal: await createTestNamespace(), publicUrl: 'https://pay.example' });
  workers = await startTestWorkers(api.app.settings);
  brand = await api.user('brand');
  metricsKey = await api.apiKey('metrics:write');
  await setCampaignPolicy(api.database.orm, { feeBps: 0, holdMs: 0 });
});
afterAll(async () => {
  await workers.stop();
  await api.close();
});

interface Participation {
  id: string;
  campaign_id: string;
  creator_id: string;
  status: string;
  tracking_url: string | null;
  value: number;
  earned: number;
  posts: { id: string; post_id: string; value: number; verified: boolean }[];
  workflow_id?: string;
}

const campaignWith = (row: CampaignRow = {}) => addCampaign(api.database.orm, { brandId: brand.id, ...row });
const apply = (as: TestUser, campaignId: string, body?: object) =>
  api.as(as).post(`/api/v1/campaigns/${campaignId}/applications`, body);
const step = (as: TestUser, { id }: Participation, name: string) =>
  api.as(as).post(`/api/v1/participations/${id}/${name}`);
const seenBy = async (as: TestUser, { id }: Participation) =>
  (await api.as(as).get(`/api/v1/participations/${id}`)).json<Participation>();
const handIn = (as: TestUser, { id }: Participation, postUrl: string) =>
  api.as(as).post(`/api/v1/participations/${id}/evidence`, { post_url: postUrl });
const report = (snapshots: object[]) => api.as(metricsKey).post('/api/v1/metrics', { snapshots });
const newPost = () => `https://www.youtube.com/watch?v=${crypto.randomUUID().slice(0, 11)}`;
const accrue = () =>
  api.temporal.workflow.execute('accrual', {
    workflowId: `accrual-${crypto.randomUUID()}`,
    taskQueue: queues.core,
    args: [{}],
  });
const now = () => new Date().toISOString();

async function joined(row: CampaignRow = {}): Promise<{ creator: TestUser; participation: Participation }> {
  const creator = await api.user('creator');
  const response = await apply(creator, await campaignWith(row));
  expect(response.statusCode).toBe(201);
  return { creator, participation: response.json<Participation>() };
}

describe('applying', () => {
  test('waits for the brand, or is approved at once by the campaign or its list', async () => {
    const creator = await api.user('creator');
    const waiting = await apply(creator, await campaignWith({ autoApprove: false }), { message: 'Hello' });
    expect(waiting.statusCode).toBe(201);
    expect(waiting.json()).toMatchObject({
      status: 'applied',
      message: 'Hello',
      creator_id: creator.creatorId,
      tracking_url: null,
      value: 0,
      earned: 0,
      posts: [],
    });
    const automatic = await apply(creator, await campaignWith());
    expect(automatic.json()).toMatchObject({ status: 'approved' });
    const listed = await campaignWith({ autoApprove: false });
    await sql`
      update campaign set allowlist = array[${creator.creatorId}::uuid], destination_url = 'https://brand.example' where id = ${listed}
    `.execute(api.database.orm.em.fork().getKysely());
    const approved = (await apply(creator, listed)).json<Participation>();
    expect(approved.status).toBe('approved');
    expect(approved.tracking_url).toMatch(/^https:\/\/pay\.example\/t\/[\w-]{22}$/);
    expect((await apply(await api.user('creator'), listed)).json()).toMatchObject({ status: 'applied' });
  });

  test('twice is a conflict, also at once, and with the same idempotency key the same', async () => {
    const creator = await api.user('creator');
    const campaignId = await campaignWith();
    const both = await Promise.all([apply(creator, campaignId), apply(creator, campaignId)]);
    expect(both.map(({ statusCode }) => statusCode).sort()).toEqual([201, 409]);
    expect((await apply(creator, campaignId)).json()).toMatchObject({ status: 409, code: 'conflict' });

    const headers = { 'idempotency-key': crypto.randomUUID() };
    const url = `/api/v1/campaigns/${await campaignWith()}/applications`;
    const first = await api.as(creator).post(url, {}, headers);
    const again = await api.as(creator).post(url, {}, headers);
    expect([first.statusCode, again.statusCode]).toEqual([201, 201]);
    expect(again.json<Participation>().id).toBe(first.json<Participation>().id);
  });

  test('never oversells the slots', async () => {
    const campaignId = await campaignWith({ slots: 3 });
    const creators = await Promise.all(Array.from({ length: 8 }, () => api.user('creator')));
    const all = await Promise.all(creators.map((creator) => apply(creator, campaignId)));
    const codes = all.map((response) => response.json<{ code?: string }>().code ?? 'in');
    expect(codes.sort()).toEqual([...new Array<string>(5).fill('campaign_full'), 'in', 'in', 'in']);
  });

  test('approving never oversells them either', async () => {
    const campaignId = await campaignWith({ slots: 1, autoApprove: false });
    const creators = await Promise.all([api.user('creator'), api.user('creator'), api.user('creator')]);
    const all = await Promise.all(creators.map((creator) => apply(creator, campaignId)));
    const answers = await Promise.all(all.map((response) => step(brand, response.json<Participation>(), 'approve')));
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 422, 422]);
    expect((await apply(await api.user('creator'), campaignId)).json()).toMatchObject({ code: 'campaign_full' });
  });

  test.each<[string, CampaignRow, number, string]>([
    ['under review', { status: 'reviewing' }, 422, 'campaign_not_open'],
    ['not begun', { startsAt: new Date(Date.now() + 60_000) }, 422, 'campaign_not_open'],
    ['in another currency', { currency: 'EUR' }, 422, 'currency_mismatch'],
  ])('is refused: %s', async (_name, row, status, code) => {
    expect((await apply(await api.user('creator'), await campaignWith(row))).json()).toMatchObject({ status, code });
  });

  test('is refused to those who are banned or do not fit, and where the budget is gone', async () => {
    const kysely = api.database.orm.em.fork().getKysely();
    const creator = await api.user('creator');
    const campaignId = await campaignWith();
    await sql`update campaign set targeting = '{"min_followers": 5}' where id = ${campaignId}`.execute(kysely);
    expect((await apply(creator, campaignId)).json()).toMatchObject({ status: 403, code: 'forbidden' });
    await sql`update campaign set targeting = '{}', spent = budget where id = ${campaignId}`.execute(kysely);
    expect((await apply(creator, campaignId)).json()).toMatchObject({ status: 422, code: 'budget_exhausted' });
    await sql`update creator set status = 'banned' where id = ${creator.creatorId}`.execute(kysely);
    expect((await apply(creator, campaignId)).json()).toMatchObject({ status: 422, code: 'account_restricted' });
    expect((await apply(creator, crypto.randomUUID())).json()).toMatchObject({ status: 404 });
  });
});

describe('deciding', () => {
  test('takes the steps in order, each by who may', async () => {
    const { creator, participation } = await joined({ autoApprove: false });
    expect((await step(creator, participation, 'activate')).json()).toMatchObject({ code: 'invalid_state' });
    expect((await step(creator, participation, 'approve')).statusCode).toBe(403);
    expect((await step(brand, participation, 'activate')).statusCode).toBe(403);
    expect((await step(brand, participation, 'approve')).json()).toMatchObject({ status: 'approved' });
    expect((await step(brand, participation, 'approve')).statusCode).toBe(409);
    expect((await step(brand, participation, 'reject')).statusCode).toBe(409);
    expect((await step(creator, participation, 'activate')).json()).toMatchObject({ status: 'active' });
    expect((await step(brand, participation, 'complete')).json()).toMatchObject({ status: 'completed' });
    expect((await step(brand, participation, 'complete')).statusCode).toBe(409);
  });

  test('a rejection is final and ends the run', async () => {
    const { creator, participation } = await joined({ autoApprove: false });
    const response = await api
      .as(brand)
      .post(`/api/v1/participations/${participation.id}/reject`, { reason: 'Too far away' });
    expect(response.json()).toMatchObject({ status: 'rejected', status_reason: 'Too far away' });
    const handle = api.temporal.workflow.getHandle(workflowIds.participation(participation.id));
    expect(await handle.result()).toBe('rejected');
    expect((await step(brand, participation, 'approve')).json()).toMatchObject({ status: 409, code: 'invalid_state' });
    expect((await apply(creator, participation.campaign_id)).statusCode).toBe(409);
  });

  test("strangers do not find it, the parties and staff do, and staff see the workflow's name", async () => {
    const { creator, participation } = await joined();
    const list = `/api/v1/campaigns/${participation.campaign_id}/participations`;
    const reviewer = await api.user('reviewer');
    for (const party of [creator, brand, reviewer]) {
      expect(await seenBy(party, participation)).toMatchObject({ id: participation.id });
      expect((await api.as(party).get(list)).json()).toMatchObject({ data: [{ id: participation.id }] });
    }
    expect((await seenBy(reviewer, participation)).workflow_id).toBe(workflowIds.participation(participation.id));
    for (const stranger of [await api.user('creator'), await api.user('brand')]) {
      expect(await seenBy(stranger, participation)).toMatchObject({ status: 404, code: 'not_found' });
    }
    expect((await api.as(await api.user('creator')).get(list)).json()).toMatchObject({ data: [] });
  });
});

describe('handing in', () => {
  test('a post counts once, whatever its address looks like', async () => {
    const { creator, participation } = await joined();
    const url = newPost();
    const id = url.slice(-11);
    const response = await handIn(creator, participation, url);
    expect(response.statusCode).toBe(201);
    expect(response.json()).toMatchObject({
      platform: 'youtube',
      post_id: id,
      post_url: url,
      value: 0,
      verified: false,
    });
    expect((await handIn(creator, participation, `https://youtu.be/${id}`)).json()).toMatchObject({ status: 409 });
    const other = await joined();
    const taken = await handIn(other.creator, other.participation, `https://m.youtube.com/shorts/${id}`);
    expect(taken.json()).toMatchObject({ status: 409, code: 'conflict' });
    expect((await seenBy(creator, participation)).posts).toHaveLength(1);
  });

  test('one of many who claim a post at once gets it', async () => {
    const all = await Promise.all([joined(), joined(), joined()]);
    const url = newPost();
    const answers = await Promise.all(all.map(({ creator, participation }) => handIn(creator, participation, url)));
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([201, 409, 409]);
  });

  test('takes posts only of the platforms of the campaign, by its creator, while it is open', async () => {
    const { creator, participation } = await joined({ autoApprove: false });
    expect((await handIn(creator, participation, newPost())).json()).toMatchObject({
      status: 409,
      code: 'invalid_state',
    });
    await step(brand, participation, 'approve');
    for (const url of ['https://x.com/a/status/12345', 'https://vm.tiktok.com/ZMabc/', 'nonsense']) {
      expect((await handIn(creator, participation, url)).json()).toMatchObject({
        status: 400,
        errors: [{ path: 'post_url' }],
      });
    }
    expect((await handIn(await api.user('creator'), participation, newPost())).statusCode).toBe(404);
  });
});

describe('from counts to money', () => {
  test('what is verified is worth what the campaign pays, and when all is paid the participation is', async () => {
    const { creator, participation } = await joined({ ratePerThousand: 150n });
    await step(creator, participation, 'activate');
    const url = newPost();
    await handIn(creator, participation, url);
    const sent = await report([
      { post_url: url, metric: 'views', value: 40_000, observed_at: now() },
      { participation_id: participation.id, metric: 'views', value: 7756, observed_at: now() },
    ]);
    expect(sent.statusCode).toBe(202);
    expect(sent.json()).toEqual({ accepted: 2, duplicates: 0, rejected: [] });
    expect(await seenBy(creator, participation)).toMatchObject({
      value: 47_756,
      earned: 0,
      posts: [{ value: 40_000, verified: true }],
    });
    await accrue();
    expect(await seenBy(creator, participation)).toMatchObject({ value: 47_756, earned: 7163 });

    await report([{ post_url: url, metric: 'views', value: 50_000, observed_at: now() }]);
    await step(brand, participation, 'complete');
    const handle = api.temporal.workflow.getHandle(workflowIds.participation(participation.id));
    const done = await until(
      () => seenBy(creator, participation),
      ({ earned }) => earned === 8663,
    );
    expect(done.status).toBe('completed');
    const late = await report([{ post_url: url, metric: 'views', value: 60_000, observed_at: now() }]);
    expect(late.json()).toEqual({ accepted: 0, duplicates: 0, rejected: [{ index: 0, code: 'invalid_state' }] });

    await sql`update earning set status = 'paid', paid_amount = net where source_id = ${participation.id}`.execute(
      api.database.orm.em.fork().getKysely(),
    );
    await handle.signal('participationSettled');
    expect(await handle.result()).toBe('paid');
    expect(await seenBy(creator, participation)).toMatchObject({ status: 'paid' });
  });

  test('the end of the campaign completes who is in, turns down who waits, and accrues the last counts', async () => {
    const campaignId = await campaignWith({ autoApprove: false, status: 'published' });
    const creators = await Promise.all([api.user('creator'), api.user('creator'), api.user('creator')]);
    const [active, idle, waiting] = await Promise.all(
      creators.map(async (creator) => (await apply(creator, campaignId)).json<Participation>()),
    );
    await step(brand, active!, 'approve');
    await step(creators[0], active!, 'activate');
    await step(brand, idle!, 'approve');
    await report([{ participation_id: active!.id, metric: 'views', value: 90, observed_at: now() }]);
    const response = await api.as(brand).post(`/api/v1/campaigns/${campaignId}/complete`);
    expect(response.json()).toMatchObject({ status: 'completed' });
    const runs = [idle!, waiting!].map(({ id }) =>
      api.temporal.workflow.getHandle(workflowIds.participation(id)).result(),
    );
    expect(await Promise.all(runs)).toEqual(['nothing earned', 'rejected']);
    const done = await until(
      () => seenBy(brand, active!),
      ({ earned }) => earned === 90,
    );
    expect(done.status).toBe('completed');
    expect(await seenBy(brand, idle!)).toMatchObject({ status: 'completed' });
    expect(await seenBy(brand, waiting!)).toMatchObject({ status: 'rejected' });
  });
});
