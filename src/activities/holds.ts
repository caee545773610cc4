import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import pLimit from 'p-limit';
import { queues, searchAttributes, workflowIds } from '../workflows/contracts.ts';
import { earningsAdded, earningsHold } from '../workflows/earnings-hold.ts';

const HOLDS_PER_PAGE = 500;
const CONCURRENT_STARTS = 20;

/** A due earning that is still pending after this long has lost its hold; it gets another. */
const OVERDUE = sql`interval '5 minutes'`;

export type HoldActivities = ReturnType<typeof createHoldActivities>;

/** Every pending earning waits in a hold. */
export function createHoldActivities({ orm, client }: { orm: MikroORM; client: Client }) {
  return {
    /**
     * Sees to it that every pending earning has a hold that will lock it: those that came after the last time, those whose hold was
     * not started because of a crash, and those that should have been locked by now. Returns how many holds it spoke to.
     */
    async startHolds(): Promise<number> {
      const limit = pLimit(CONCURRENT_STARTS);
      let started = 0;
      for (;;) {
        const holds = await holdsToStart(orm.em.fork());
        const unstarted = holds.filter(({ covered }) => !covered);
        await Promise.all(
          unstarted.map((hold) =>
            limit(async () => {
              await startHold(client, hold);
              Context.current().heartbeat();
            }),
          ),
        );
        await markStarted(
          orm.em.fork(),
          holds.flatMap(({ earning_ids: ids }) => ids),
        );
        started += unstarted.length;
        if (holds.length < HOLDS_PER_PAGE) return started;
      }
    },
  };
}

interface HoldRow {
  creator_id: string;
  currency: string;
  release_at: Date | string;
  earning_ids: string[];
  /** A hold was started for earlier earnings of the same release and will lock these too. */
  covered: boolean;
}

async function holdsToStart(em: EntityManager): Promise<HoldRow[]> {
  const { rows } = await sql<HoldRow>`
    with waiting as (
      select id, creator_id, currency, release_at, false as overdue from earning
       where status = 'pending' and hold_started_at is null
      union all
      select id, creator_id, currency, release_at, true from earning
       where status = 'pending' and not disputed and release_at < now() - ${OVERDUE} and hold_started_at < now() - ${OVERDUE}
    ), page as (
      select creator_id, currency, release_at, bool_or(overdue) as overdue, array_agg(id) as earning_ids
        from waiting group by creator_id, currency, release_at order by release_at, creator_id limit ${HOLDS_PER_PAGE}
    )
    select creator_id, currency, release_at, earning_ids,
           not overdue and release_at > now() + ${OVERDUE} and exists (
             select from earning e
              where e.status = 'pending' and not e.disputed and e.hold_started_at is not null
                and (e.creator_id, e.currency, e.release_at) = (page.creator_id, page.currency, page.release_at)) as covered
      from page`.execute(em.getKysely());
  return rows;
}

async function markStarted(em: EntityManager, earningIds: string[]): Promise<void> {
  if (earningIds.length === 0) return;
  await sql`update earning set hold_started_at = now() where id = any (${earningIds}::uuid[])`.execute(em.getKysely());
}

/** A hold that is running, or that ends just now, is told; otherwise one is started. */
async function startHold(client: Client, row: HoldRow): Promise<void> {
  const { creator_id: creatorId, currency } = row;
  const releaseAt = new Date(row.release_at).toISOString();
  await client.workflow.signalWithStart(earningsHold, {
    workflowId: workflowIds.earningsHold(creatorId, currency, releaseAt),
    taskQueue: queues.core,
    args: [{ creatorId, currency, releaseAt }],
    signal: earningsAdded,
    staticSummary: `Earnings on hold until ${releaseAt}`,
    typedSearchAttributes: [{ key: searchAttributes.creatorId, value: creatorId }],
  });
}
