import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { sql } from 'kysely';
import { createAccrualActivities } from '../../src/activities/accrual.ts';
import { ingestSnapshots, type Snapshot } from '../../src/database/metric-snapshots.ts';
import { verifiedValue, worth, type AccrualTerms, type Observation } from '../../src/domain/accrual.ts';
import { campaignBudget, creatorAccount, platformAccount } from '../../src/ledger/accounts.ts';
import { post } from '../../src/ledger/post.ts';
import {
  addCampaign,
  addCreator,
  addParticipation,
  addPost,
  balanceOf,
  setCampaignPolicy,
} from '../support/campaigns.ts';
import { inActivity } from '../support/activities.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let activities: ReturnType<typeof createAccrualActivities>;
beforeAll(async () => {
  database = await createTestDatabase();
  activities = createAccrualActivities({ orm: database.orm });
});
afterAll(() => database.close());
beforeEach(() => setCampaignPolicy(database.orm, { feeBps: 0, holdMs: 0 }));

const HOUR = 3_600_000;
const kysely = () => database.orm.em.fork().getKysely();
const ingest = (snapshots: Snapshot[]) => ingestSnapshots(database.orm.em.fork(), snapshots, 'test');
const count = (participationId: string, value: number, more: Partial<Snapshot> = {}): Snapshot => ({
  participation_id: participationId,
  metric: 'views',
  value,
  observed_at: new Date(Date.now() - HOUR).toISOString(),
  ...more,
});

const countOf = (postUrl: string, value: number): Snapshot => ({
  post_url: postUrl,
  metric: 'views',
  value,
  observed_at: new Date(Date.now() - HOUR).toISOString(),
});

async function sweep(): Promise<number> {
  await inActivity(() => activities.collectBatches());
  const { earned, next } = await inActivity(() => activities.sweepAccruals({}));
  expect(next).toBeUndefined();
  return earned;
}

interface Earned {
  gross: string;
  fee: string;
  net: string;
  status: string;
  source_event: string;
  release_at: Date | string;
  earned_at: Date | string;
  platform: string | null;
}

async function earningsOf(participationId: string): Promise<Earned[]> {
  const { rows } = await sql<Earned>`
    select gross, fee, net, status, source_event, release_at, earned_at, platform from earning
     where source_id = ${participationId} order by source_event`.execute(kysely());
  return rows;
}

async function totalOf(participationId: string): Promise<bigint> {
  return (await earningsOf(participationId)).reduce((sum, { gross }) => sum + BigInt(gross), 0n);
}

async function creatorOf(participationId: string): Promise<string> {
  const { rows } = await sql<{
    creator_id: string;
  }>`select creator_id from participation where id = ${participationId}`.execute(kysely());
  return rows[0]!.creator_id;
}

describe('a sweep', () => {
  test('pays the difference to what was accrued, once', async () => {
    const campaignId = await addCampaign(database.orm, { ratePerThousand: 150n });
    const id = await addParticipation(database.orm, campaignId);
    await ingest([count(id, 1000)]);
    await sweep();
    await ingest([count(id, 47_756), count(id, 900)]);
    await sweep();
    await sweep();

    const earnings = await earningsOf(id);
    expect(earnings.map(({ gross }) => gross)).toEqual(['150', '7013']);
    expect(earnings.map(({ source_event: event }) => event)).toEqual([
      `participation:${id}:1`,
      `participation:${id}:2`,
    ]);
    expect(await balanceOf(database.orm, campaignBudget(campaignId, 'USD').id)).toBe(1_000_000n - 7163n);
    expect(await balanceOf(database.orm, creatorAccount(await creatorOf(id), 'available', 'USD').id)).toBe(7163n);
  });

  test('adds up posts and what is reported for the whole, and says on which platform', async () => {
    const id = await addParticipation(database.orm, await addCampaign(database.orm));
    const [one, two] = [await addPost(database.orm, id), await addPost(database.orm, id)];
    await ingest([count(id, 5), countOf(one.url, 10), countOf(two.url, 20)]);
    await sweep();
    expect(await earningsOf(id)).toMatchObject([{ gross: '35', platform: 'youtube' }]);
  });

  test('holds what the policy holds and charges its fee on the total', async () => {
    await setCampaignPolicy(database.orm, { feeBps: 1000, holdMs: 14 * 24 * HOUR });
    const id = await addParticipation(database.orm, await addCampaign(database.orm, { ratePerThousand: 1000n }));
    for (const value of [15, 19, 20]) {
      await ingest([count(id, value)]);
      await sweep();
    }
    const earnings = await earningsOf(id);
    expect(earnings.map(({ gross, fee, status }) => [gross, fee, status])).toEqual([
      ['15', '1', 'pending'],
      ['4', '0', 'pending'],
      ['1', '1', 'paid'],
    ]);
    const [first] = earnings;
    const release = new Date(first!.release_at);
    expect(release.toISOString()).toMatch(/T00:00:00.000Z$/);
    expect(release.getTime() - new Date(first!.earned_at).getTime()).toBeGreaterThanOrEqual(14 * 24 * HOUR);
    const creatorId = await creatorOf(id);
    expect(await balanceOf(database.orm, creatorAccount(creatorId, 'pending', 'USD').id)).toBe(18n);
    expect(await balanceOf(database.orm, creatorAccount(creatorId, 'available', 'USD').id)).toBe(0n);
    expect(await balanceOf(database.orm, platformAccount('fees', 'USD').id)).toBeGreaterThanOrEqual(2n);
  });

  test('counts nothing before the start, after the end, or of another metric', async () => {
    const now = Date.now();
    const [startsAt, endsAt] = [new Date(now - 10 * HOUR), new Date(now - 5 * HOUR)];
    const id = await addParticipation(database.orm, await addCampaign(database.orm, { startsAt, endsAt }));
    await ingest([
      count(id, 9000, { observed_at: new Date(now - 11 * HOUR).toISOString() }),
      count(id, 9000, { observed_at: new Date(now - 4 * HOUR).toISOString() }),
      count(id, 9000, { metric: 'likes', observed_at: new Date(now - 6 * HOUR).toISOString() }),
      count(id, 7, { observed_at: new Date(now - 6 * HOUR).toISOString() }),
    ]);
    await sweep();
    expect(await totalOf(id)).toBe(7n);
  });

  test('serves those whose counts came first when the budget runs short, and the rest when there is more', async () => {
    const campaignId = await addCampaign(database.orm, { budget: 100n });
    const [first, second] = [
      await addParticipation(database.orm, campaignId),
      await addParticipation(database.orm, campaignId),
    ];
    await ingest([count(second, 70)]);
    await ingest([count(first, 50)]);
    await sweep();
    expect([await totalOf(first), await totalOf(second)]).toEqual([30n, 70n]);
    await sweep();
    expect(await totalOf(first)).toBe(30n);
    await giveBack(second, 15n);
    await sweep();
    expect(await totalOf(first)).toBe(45n);
  });

  test('keeps what a banned creator would earn until the ban is lifted', async () => {
    const creatorId = await addCreator(database.orm, 'banned');
    const id = await addParticipation(database.orm, await addCampaign(database.orm), { creatorId });
    await ingest([count(id, 50)]);
    await sweep();
    expect(await totalOf(id)).toBe(0n);
    await sql`update creator set status = 'active' where id = ${creatorId}`.execute(kysely());
    await sweep();
    expect(await totalOf(id)).toBe(50n);
  });

  test('sees counts whose transaction ended after a later one was swept', async () => {
    const id = await addParticipation(database.orm, await addCampaign(database.orm));
    const slow = database.orm.em.fork();
    await slow.begin();
    await ingestSnapshots(slow, [count(id, 80)], 'test');
    await ingest([count(id, 30)]);
    await sweep();
    expect(await totalOf(id)).toBe(30n);
    await slow.commit();
    await sweep();
    expect(await totalOf(id)).toBe(80n);
  });

  test('counts no more than one of several that run at once', async () => {
    const campaigns = await Promise.all([addCampaign(database.orm, { budget: 4000n }), addCampaign(database.orm)]);
    const ids: string[] = [];
    for (let i = 0; i < 60; i += 1) ids.push(await addParticipation(database.orm, campaigns[i % 2]!));
    const rounds = [1, 2, 3].map(async (round) => {
      await ingest(ids.map((id) => count(id, round * 100)));
      await Promise.all([sweep(), sweep()]);
    });
    await Promise.all(rounds);
    await sweep();
    const totals = await Promise.all(ids.map(totalOf));
    expect(totals.filter((_, i) => i % 2 === 0).reduce((sum, total) => sum + total, 0n)).toBe(4000n);
    expect(totals.filter((_, i) => i % 2 === 1)).toEqual(new Array(30).fill(300n));
  });

  test('takes more than a page, and goes on where it stopped', async () => {
    const campaignId = await addCampaign(database.orm, { slots: 1000 });
    await sql`
      with people as (
        insert into creator (name, email) select 'Ada', 'page-' || n || '@example.com' from generate_series(1, 600) n returning id)
      insert into participation (id, campaign_id, creator_id, status, tracking_code)
      select uuidv7(), ${campaignId}, id, 'active', id from people`.execute(kysely());
    const { rows } = await sql<{ id: string }>`select id from participation where campaign_id = ${campaignId}`.execute(
      kysely(),
    );
    await ingest(rows.map(({ id }) => count(id, 3)));
    await inActivity(() => activities.collectBatches());
    expect(await inActivity(() => activities.sweepAccruals({ campaignId }))).toEqual({ earned: 600 });
    expect(await inActivity(() => activities.sweepAccruals({ campaignId }))).toEqual({ earned: 0 });
  });
});

/** What a participation earned goes back to its campaign's budget. */
async function giveBack(participationId: string, amount: bigint): Promise<void> {
  await database.orm.em.fork().transactional(async (em) => {
    const { rows } = await sql<{ id: string }>`
      update campaign set spent = spent - ${amount.toString()}::bigint
       where id = (select campaign_id from participation where id = ${participationId}) returning id`.execute(
      em.getKysely(),
    );
    const lines = [
      { account: creatorAccount(await creatorOf(participationId), 'available', 'USD'), amount: -amount },
      { account: campaignBudget(rows[0]!.id, 'USD'), amount },
    ];
    await post(em, [{ type: 'campaign_returned', key: `test:${participationId}:back`, lines }], { actor: 'test' });
  });
}

describe('any counts in any order and batches', () => {
  const startsAt = new Date(Date.now() - 100 * HOUR);
  const endsAt = new Date(Date.now() - 10 * HOUR);
  const observation = fc.record({
    participation: fc.integer({ min: 0, max: 2 }),
    series: fc.constantFrom('whole', 'first', 'second'),
    metric: fc.constantFrom('views' as const, 'views' as const, 'likes' as const),
    value: fc.oneof(fc.nat(5000), fc.nat(5000), fc.maxSafeNat()),
    hoursAgo: fc.integer({ min: 1, max: 110 }),
  });
  const histories = fc.record({
    rate: fc.constantFrom(1n, 150n, 1000n, 999_999n),
    cap: fc.constantFrom(null, 400n, 100_000n),
    feeBps: fc.constantFrom(0, 1, 1000, 3333, 10_000),
    batches: fc.array(
      fc.record({ snapshots: fc.array(observation, { maxLength: 8 }), sweeps: fc.integer({ min: 0, max: 2 }) }),
      { minLength: 1, maxLength: 6 },
    ),
  });

  test('earn what the rule says of all of them together', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async ({ rate, cap, feeBps, batches }) => {
        await setCampaignPolicy(database.orm, { feeBps, holdMs: 0 });
        const budget = 10n ** 15n;
        const terms: AccrualTerms = { metric: 'views', startsAt, endsAt, ratePerThousand: rate, perCreatorCap: cap };
        const campaignOf = await Promise.all([0, 1].map(() => addCampaign(database.orm, { ...terms, budget })));
        const creatorId = await addCreator(database.orm);
        // the first two are one creator in two campaigns at once
        const ids = [
          await addParticipation(database.orm, campaignOf[0]!, { creatorId }),
          await addParticipation(database.orm, campaignOf[1]!, { creatorId }),
          await addParticipation(database.orm, campaignOf[1]!),
        ];
        const urls = new Map<string, string>();
        for (const id of ids) {
          urls.set(`${id}first`, (await addPost(database.orm, id)).url);
          urls.set(`${id}second`, (await addPost(database.orm, id)).url);
        }
        const all = ids.map((): Observation[] => []);
        for (const { snapshots, sweeps } of batches) {
          const sent = snapshots.flatMap(({ participation, series, metric, value, hoursAgo }) => {
            const observedAt = new Date(endsAt.getTime() + (10 - hoursAgo) * HOUR);
            const id = ids[participation]!;
            all[participation]!.push({ series, metric, value: BigInt(value), observedAt });
            const subject = series === 'whole' ? { participation_id: id } : { post_url: urls.get(`${id}${series}`)! };
            return [{ ...subject, metric, value, observed_at: observedAt.toISOString() }];
          });
          if (sent.length > 0) await ingest(sent);
          await Promise.all(Array.from({ length: sweeps }, sweep));
        }
        await sweep();

        for (const campaignId of campaignOf) {
          const mine = ids.flatMap((id, i) =>
            campaignOf[Math.min(i, 1)] === campaignId ? [{ id, seen: all[i]! }] : [],
          );
          const due = mine.map(({ seen }) => worth(verifiedValue(seen, terms), terms));
          const wanted = due.reduce((sum, amount) => sum + amount, 0n);
          const totals = await Promise.all(mine.map(({ id }) => totalOf(id)));
          const total = totals.reduce((sum, amount) => sum + amount, 0n);
          expect(total).toBe(wanted < budget ? wanted : budget);
          if (wanted <= budget) expect(totals).toEqual(due);
          expect(await balanceOf(database.orm, campaignBudget(campaignId, 'USD').id)).toBe(budget - total);
          for (const { id } of mine) {
            const fees = (await earningsOf(id)).reduce((sum, { fee }) => sum + BigInt(fee), 0n);
            expect(fees).toBe(((await totalOf(id)) * BigInt(feeBps)) / 10_000n);
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});
