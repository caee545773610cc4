import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { createCampaignActivities } from '../../src/activities/campaigns.ts';
import { createParticipationActivities } from '../../src/activities/participations.ts';
import type { CampaignStep } from '../../src/domain/campaigns.ts';
import type { ParticipationStep } from '../../src/domain/participations.ts';
import { addCampaign, addCreator, addParticipation } from '../support/campaigns.ts';
import { createTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let participations: ReturnType<typeof createParticipationActivities>;
let campaigns: ReturnType<typeof createCampaignActivities>;
beforeAll(async () => {
  api = await createTestApi();
  const { orm } = api.database;
  participations = createParticipationActivities({ orm });
  campaigns = createCampaignActivities({ orm, client: api.temporal });
});
afterAll(() => api.close());

const by = { actor: 'user:1', reason: 'because' };
const kysely = () => api.database.orm.em.fork().getKysely();
const decide = (participationId: string, step: ParticipationStep, requestId = uuidv7()) =>
  participations.decideParticipation({ participationId, step, requestId, ...by });
const take = (campaignId: string, step: CampaignStep, requestId = uuidv7()) =>
  campaigns.stepCampaign({ campaignId, step, requestId, ...by });

async function slotsTaken(campaignId: string): Promise<number> {
  const { rows } = await sql<{
    slots_taken: number;
  }>`select slots_taken from campaign where id = ${campaignId}`.execute(kysely());
  return rows[0]!.slots_taken;
}

describe('carried out again after a crash', () => {
  test('an application is the same one', async () => {
    const [campaignId, creatorId, id] = [
      await addCampaign(api.database.orm),
      await addCreator(api.database.orm),
      uuidv7(),
    ];
    const application = { campaignId, creatorId, message: null };
    await Promise.all(Array.from({ length: 3 }, () => participations.applyToCampaign(id, application)));
    await participations.applyToCampaign(id, application);
    expect(await slotsTaken(campaignId)).toBe(1);
    await expect(participations.applyToCampaign(uuidv7(), application)).rejects.toMatchObject({ code: 'conflict' });
  });

  test('a decision is answered as before and written down once', async () => {
    const campaignId = await addCampaign(api.database.orm);
    const id = await addParticipation(api.database.orm, campaignId, { status: 'applied' });
    const request = uuidv7();
    const answers = await Promise.all([decide(id, 'approve', request), decide(id, 'approve', request)]);
    expect(answers).toEqual(['approved', 'approved']);
    expect(await slotsTaken(campaignId)).toBe(1);
    await expect(decide(id, 'approve')).rejects.toMatchObject({ code: 'invalid_state' });
    const { rows } = await sql`select actor, action, reason from audit_log where subject_id = ${id}`.execute(kysely());
    expect(rows).toEqual([{ actor: 'user:1', action: 'participation.approve', reason: 'because' }]);
  });

  test('so is the step of a campaign', async () => {
    const campaignId = await addCampaign(api.database.orm, { status: 'reviewing' });
    const request = uuidv7();
    expect([await take(campaignId, 'publish', request), await take(campaignId, 'publish', request)]).toEqual([
      'published',
      'published',
    ]);
    await expect(take(campaignId, 'publish')).rejects.toMatchObject({ code: 'invalid_state' });
  });
});

test('a participation is paid when its last counts are accrued and all that it earned is paid', async () => {
  const campaignId = await addCampaign(api.database.orm);
  const id = await addParticipation(api.database.orm, campaignId);
  const settle = () => participations.settleParticipation(id);
  const change = (assignments: string) =>
    sql`update participation set ${sql.raw(assignments)} where id = ${id}`.execute(kysely());
  expect(await settle()).toBe('waiting');
  await decide(id, 'complete');
  expect(await settle()).toBe('waiting');
  await change('accrual_due_at = null');
  expect(await settle()).toBe('nothing earned');

  await change('accrued = 100');
  await sql`
    insert into earning (creator_id, source_type, source_id, source_event, gross, fee, net, currency, status, rules_version, earned_at, release_at)
    select creator_id, 'campaign', id, id::text, 100, 0, 100, 'USD', 'locked', 1, now(), now() from participation where id = ${id}
  `.execute(kysely());
  expect(await settle()).toBe('waiting');
  await sql`update earning set status = 'paid', paid_amount = 100 where source_id = ${id}`.execute(kysely());
  await change('accrual_due_at = now()');
  expect(await settle()).toBe('waiting');
  await sql`update campaign set spent = budget where id = ${campaignId}`.execute(kysely());
  expect(await settle()).toBe('paid');
  expect(await settle()).toBe('paid');
  expect((await participations.loadParticipation(id)).status).toBe('paid');
});

test.each([
  ['sell more slots than there are', `update campaign set slots_taken = slots + 1`, /campaign_slots_not_oversold/],
  ['spend more than the budget', `update campaign set spent = budget + 1`, /campaign_not_overspent/],
  ['publish without the money', `update campaign set funded = budget - 1`, /campaign_funded_before_published/],
  [
    'join twice',
    `insert into participation (id, campaign_id, creator_id, status, tracking_code)
    select uuidv7(), campaign_id, creator_id, 'applied', 'again' from participation limit 1`,
    /participation_once/,
  ],
])('the database refuses to %s', async (_name, statement, refusal) => {
  await addParticipation(api.database.orm, await addCampaign(api.database.orm));
  await expect(sql.raw(statement).execute(kysely())).rejects.toThrow(refusal);
});
