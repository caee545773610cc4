import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { createAccrualActivities } from '../../src/activities/accrual.ts';
import { createEarningActivities, type Hold } from '../../src/activities/earnings.ts';
import { ingestSnapshots } from '../../src/database/metric-snapshots.ts';
import { creatorAccount } from '../../src/ledger/accounts.ts';
import { inActivity } from '../support/activities.ts';
import { addCampaign, addCreator, addParticipation, balanceOf, setCampaignPolicy } from '../support/campaigns.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await setCampaignPolicy(database.orm, { feeBps: 1000, holdMs: 14 * 86_400_000 });
});
afterAll(() => database.close());

const kysely = () => database.orm.em.fork().getKysely();
const lock = (hold: Hold) => inActivity(() => createEarningActivities(database).lockEarnings(hold));
const balance = (creatorId: string, kind: 'pending' | 'available') =>
  balanceOf(database.orm, creatorAccount(creatorId, kind, 'USD').id);

/** A creator with pending earnings of 90 net in each of `campaigns` campaigns, released together. */
async function earned(campaigns: number): Promise<Hold> {
  const creatorId = await addCreator(database.orm);
  const activities = createAccrualActivities(database);
  for (let i = 0; i < campaigns; i += 1) {
    const id = await addParticipation(database.orm, await addCampaign(database.orm), { creatorId });
    const seen = { participation_id: id, metric: 'views' as const, value: 100, observed_at: new Date().toISOString() };
    await ingestSnapshots(database.orm.em.fork(), [seen], 'test');
  }
  await inActivity(() => activities.collectBatches());
  await inActivity(() => activities.sweepAccruals({}));
  const { rows } = await sql<{ release_at: Date | string }>`
    select distinct release_at from earning where creator_id = ${creatorId}`.execute(kysely());
  expect(rows).toHaveLength(1);
  return { creatorId, currency: 'USD', releaseAt: new Date(rows[0]!.release_at).toISOString() };
}

async function lockEntries({ creatorId }: Hold): Promise<number> {
  const { rows } = await sql<{ n: string }>`
    select count(*) as n from journal_entry where type = 'earning_locked' and correlation_id = ${`creator:${creatorId}`}`.execute(
    kysely(),
  );
  return Number(rows[0]!.n);
}

describe('locking', () => {
  test('moves all of a hold from pending to available in one entry', async () => {
    const hold = await earned(3);
    expect(await balance(hold.creatorId, 'pending')).toBe(270n);
    expect(await lock(hold)).toEqual({ earnings: 3, amount: '270' });
    expect(await balance(hold.creatorId, 'pending')).toBe(0n);
    expect(await balance(hold.creatorId, 'available')).toBe(270n);
    expect(await lockEntries(hold)).toBe(1);
  });

  test('happens once, however often and by how many at once it is asked for', async () => {
    const hold = await earned(2);
    const results = await Promise.all(Array.from({ length: 5 }, () => lock(hold)));
    expect(results.map(({ amount }) => amount).sort()).toEqual(['0', '0', '0', '0', '180']);
    expect(await lock(hold)).toEqual({ earnings: 0, amount: '0' });
    expect(await balance(hold.creatorId, 'available')).toBe(180n);
  });

  test('takes what came late in an entry of its own, and leaves what is disputed or released at another time', async () => {
    const hold = await earned(3);
    const { rows } = await sql<{
      id: string;
    }>`select id from earning where creator_id = ${hold.creatorId} order by id`.execute(kysely());
    const [disputed, late] = rows.map(({ id }) => id);
    await sql`update earning set disputed = true where id = ${disputed}`.execute(kysely());
    await sql`update earning set release_at = release_at + interval '1 day' where id = ${late}`.execute(kysely());
    expect(await lock(hold)).toEqual({ earnings: 1, amount: '90' });
    await sql`update earning set release_at = ${hold.releaseAt}::timestamptz, disputed = false
      where creator_id = ${hold.creatorId} and status = 'pending'`.execute(kysely());
    expect(await lock(hold)).toEqual({ earnings: 2, amount: '180' });
    expect(await lockEntries(hold)).toBe(2);
    expect(await balance(hold.creatorId, 'available')).toBe(270n);
  });
});

test.each([
  ['twice for one event', `insert into earning select * from one`, /earning_of_event_once|earning_pkey/],
  ['with a net that is not gross less fee', `update earning set net = net + 1`, /earning_net_of_fee/],
  ['paid beyond its net', `update earning set paid_amount = net + 1`, /earning_not_paid_twice/],
  ['clawed back beyond its net', `update earning set clawed_back_amount = net + 1`, /earning_not_clawed_back_twice/],
  ['from no known source', `update earning set source_type = 'luck'`, /foreign key/],
])('the database refuses an earning %s', async (_name, statement, refusal) => {
  const { creatorId } = await earned(1);
  const one = `with one as (select * from earning where creator_id = '${creatorId}') `;
  const where = statement.startsWith('update') ? ` where creator_id = '${creatorId}'` : '';
  await expect(sql.raw(`${one}${statement}${where}`).execute(kysely())).rejects.toThrow(refusal);
});
