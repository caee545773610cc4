import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { createAccrualActivities } from '../../src/activities/accrual.ts';
import { createCampaignActivities } from '../../src/activities/campaigns.ts';
import { createEarningActivities } from '../../src/activities/earnings.ts';
import { createHoldActivities } from '../../src/activities/holds.ts';
import { createParticipationActivities } from '../../src/activities/participations.ts';
import { ingestSnapshots } from '../../src/database/metric-snapshots.ts';
import { creatorAccount } from '../../src/ledger/accounts.ts';
import { accrual } from '../../src/workflows/accrual.ts';
import { campaign } from '../../src/workflows/campaign.ts';
import { queues, workflowIds } from '../../src/workflows/contracts.ts';
import { earningsHold } from '../../src/workflows/earnings-hold.ts';
import { participation, participationChanged } from '../../src/workflows/participation.ts';
import { inActivity } from '../support/activities.ts';
import { addCampaign, addCreator, addParticipation, balanceOf, setCampaignPolicy } from '../support/campaigns.ts';
import { until } from '../support/client.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { skipTime, type SkippedTime } from '../support/time-skipping.ts';

const DAY_MS = 86_400_000;

let database: TestDatabase;
let time: SkippedTime;
beforeAll(async () => {
  database = await createTestDatabase();
  const { orm } = database;
  time = await skipTime((client) => ({
    ...createAccrualActivities({ orm }),
    ...createCampaignActivities({ orm, client }),
    ...createEarningActivities({ orm }),
    ...createHoldActivities({ orm, client }),
    ...createParticipationActivities({ orm }),
  }));
});
afterAll(async () => {
  await time.close();
  await database.close();
});
beforeEach(() => holdFor(14 * DAY_MS));

/** By the clock of the server, which is ahead of the database's by the time that was skipped. */
async function holdFor(ms: number): Promise<void> {
  const ahead = Math.max(0, (await time.now()) - Date.now());
  await setCampaignPolicy(database.orm, { feeBps: 0, holdMs: ahead + ms });
}

const kysely = () => database.orm.em.fork().getKysely();
const taskQueue = queues.core;

async function report(participationId: string, value: number): Promise<void> {
  const snapshot = {
    participation_id: participationId,
    metric: 'views' as const,
    value,
    observed_at: new Date().toISOString(),
  };
  await ingestSnapshots(database.orm.em.fork(), [snapshot], 'test');
}

const accrue = () =>
  time.patient.workflow.execute(accrual, { workflowId: `accrual-${crypto.randomUUID()}`, taskQueue });

interface Earned {
  creatorId: string;
  status: string;
  gross: string;
  release: string;
  hold: string;
}

async function earnedBy(participationId: string): Promise<Earned[]> {
  const { rows } = await sql<{ creator_id: string; status: string; gross: string; release_at: Date | string }>`
    select creator_id, status, gross, release_at from earning where source_id = ${participationId} order by id`.execute(
    kysely(),
  );
  return rows.map(({ creator_id: creatorId, status, gross, release_at: at }) => {
    const release = new Date(at).toISOString();
    return { creatorId, status, gross, release, hold: workflowIds.earningsHold(creatorId, 'USD', release) };
  });
}

/** Waits, while no time is skipped, until the hold sleeps; then until it is over. */
async function resultOf(hold: string): Promise<string> {
  await time.patient.workflow.getHandle(hold).query('__stack_trace');
  return time.client.workflow.getHandle(hold).result() as Promise<string>;
}

test('what is earned waits for 14 days, all of a day in one hold, and then can be paid', async () => {
  const id = await addParticipation(database.orm, await addCampaign(database.orm));
  await report(id, 100);
  expect(await accrue()).toEqual({ earned: 1, holds: 1 });
  await report(id, 130);
  expect(await accrue()).toEqual({ earned: 1, holds: 0 });

  const [first] = await earnedBy(id);
  const locked = creatorAccount(first!.creatorId, 'available', 'USD').id;
  await time.patient.workflow.getHandle(first!.hold).query('__stack_trace');
  await time.pass('13 days');
  expect((await earnedBy(id)).map(({ status }) => status)).toEqual(['pending', 'pending']);
  expect(await balanceOf(database.orm, locked)).toBe(0n);

  expect(await resultOf(first!.hold)).toBe('130');
  expect(await time.now()).toBeGreaterThanOrEqual(Date.parse(first!.release));
  expect((await earnedBy(id)).map(({ status, gross }) => [status, gross])).toEqual([
    ['locked', '100'],
    ['locked', '30'],
  ]);
  expect(await balanceOf(database.orm, locked)).toBe(130n);
});

test('a hold leaves what is disputed, and one that is told again finds what came late', async () => {
  const id = await addParticipation(database.orm, await addCampaign(database.orm));
  await report(id, 10);
  await accrue();
  await report(id, 30);
  await accrue();
  const [first] = await earnedBy(id);
  await sql`update earning set disputed = gross = 10 where source_id = ${id}`.execute(kysely());
  expect(await resultOf(first!.hold)).toBe('20');

  await sql`update earning set disputed = false where source_id = ${id}`.execute(kysely());
  const { creatorId, release: releaseAt } = first!;
  const again = await time.patient.workflow.execute(earningsHold, {
    workflowId: first!.hold,
    taskQueue,
    args: [{ creatorId, currency: 'USD', releaseAt }],
  });
  expect(again).toBe('10');
  expect(await balanceOf(database.orm, creatorAccount(creatorId, 'available', 'USD').id)).toBe(30n);
});

test('a hold that was never started, or that vanished, is started by the next sweep', async () => {
  const [lost, overdue] = [
    await addParticipation(database.orm, await addCampaign(database.orm)),
    await addParticipation(database.orm, await addCampaign(database.orm)),
  ];
  await report(lost, 7);
  await report(overdue, 8);
  // as far as a sweep comes that is killed before it starts the holds
  const activities = createAccrualActivities({ orm: database.orm });
  await inActivity(() => activities.collectBatches());
  await inActivity(() => activities.sweepAccruals({}));
  await sql`update earning set release_at = now() where source_id = ${lost}`.execute(kysely());
  await sql`
    update earning set hold_started_at = now() - interval '1 hour', release_at = now() - interval '10 minutes'
     where source_id = ${overdue}`.execute(kysely());
  expect(await accrue()).toEqual({ earned: 0, holds: 2 });
  const holds = await Promise.all([lost, overdue].map(async (id) => (await earnedBy(id))[0]!.hold));
  const results = holds.map((hold) => time.patient.workflow.getHandle(hold).result());
  expect(await Promise.all(results)).toEqual(['7', '8']);
});

test('a campaign ends by itself, its participations with it, and they are paid when their earnings are', async () => {
  const endsAt = new Date((await time.now()) + 20 * DAY_MS);
  const campaignId = await addCampaign(database.orm, { endsAt });
  const creatorId = await addCreator(database.orm);
  const participationId = crypto.randomUUID();
  const run = await time.client.workflow.start(participation, {
    workflowId: workflowIds.participation(participationId),
    taskQueue,
    args: [{ participationId, application: { campaignId, creatorId, message: null } }],
  });
  const campaignRun = await time.client.workflow.start(campaign, {
    workflowId: workflowIds.campaign(campaignId),
    taskQueue,
    args: [{ campaignId }],
  });
  const status = async () => (await run.query<{ status: string } | undefined>('participationState'))?.status;
  await until(status, (now) => now === 'approved');
  await report(participationId, 400);
  expect(await campaignRun.result()).toBe('completed');
  expect(await time.now()).toBeGreaterThanOrEqual(endsAt.getTime());
  await until(status, (now) => now === 'completed');
  const [earned] = await earnedBy(participationId);
  expect(earned).toMatchObject({ gross: '400' });

  // nobody tells the run: it looks by the clock
  await sql`update earning set status = 'paid', paid_amount = net where source_id = ${participationId}`.execute(
    kysely(),
  );
  expect(await run.result()).toBe('paid');
  const { rows } = await sql`select status from participation where id = ${participationId}`.execute(kysely());
  expect(rows).toEqual([{ status: 'paid' }]);
});

test('an application that is refused ends its run, and a run that was lost goes on from the row', async () => {
  const campaignId = await addCampaign(database.orm, { status: 'reviewing' });
  const creatorId = await addCreator(database.orm);
  const refused = await time.patient.workflow.execute(participation, {
    workflowId: `participation/${crypto.randomUUID()}`,
    taskQueue,
    args: [{ participationId: crypto.randomUUID(), application: { campaignId, creatorId, message: null } }],
  });
  expect(refused).toBe('refused');

  const participationId = await addParticipation(database.orm, await addCampaign(database.orm), { status: 'applied' });
  const run = await time.client.workflow.start(participation, {
    workflowId: workflowIds.participation(participationId),
    taskQueue,
    args: [{ participationId }],
  });
  await sql`update participation set status = 'rejected' where id = ${participationId}`.execute(kysely());
  await run.signal(participationChanged);
  expect(await run.result()).toBe('rejected');
});
