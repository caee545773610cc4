import { Context } from '@temporalio/activity';
import type { MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { accruePage, type AccrualCursor, type AccrualScope } from './accrual-page.ts';
import { postedByWorkflow } from './context.ts';

const BATCHES_PER_STATEMENT = 100;
/** Then the workflow asks again, so that its history tells how far the sweep is. */
const PAGES_PER_CALL = 40;

export interface SweepInput extends AccrualScope {
  after?: AccrualCursor;
}

export interface SweepResult {
  earned: number;
  /** Where to go on; absent at the end. */
  next?: AccrualCursor;
}

export type AccrualActivities = ReturnType<typeof createAccrualActivities>;

/** Counts become earnings. Every function may run twice, at once or after a crash at any line. */
export function createAccrualActivities({ orm }: { orm: MikroORM }) {
  return {
    /** Marks the participations of all batches of counts that came in as due. Returns how many batches there were. */
    async collectBatches(): Promise<number> {
      let batches = 0;
      for (;;) {
        const taken = await collect(orm);
        batches += taken;
        if (taken < BATCHES_PER_STATEMENT) return batches;
        Context.current().heartbeat();
      }
    },

    /** Accrues what is due in pages, each in a transaction of its own. */
    async sweepAccruals({ after, ...scope }: SweepInput): Promise<SweepResult> {
      const by = postedByWorkflow();
      let next = (Context.current().info.heartbeatDetails as AccrualCursor | undefined) ?? after;
      let earned = 0;
      for (let pages = 0; pages < PAGES_PER_CALL; pages += 1) {
        const page = await orm.em.fork().transactional((em) => accruePage(em, scope, next, by));
        earned += page.earned;
        if (!page.next) return { earned };
        next = page.next;
        Context.current().heartbeat(next);
      }
      return { earned, ...(next && { next }) };
    },
  };
}

/**
 * Takes batches that are committed; one that is not yet stays for the next sweep. Marks every participation even where it is marked
 * already: the update waits for a sweep that is just clearing the mark without having seen these counts.
 */
async function collect(orm: MikroORM): Promise<number> {
  const { rows } = await sql<{ batches: string }>`
    with taken as (
      delete from metric_batch
       where id in (select id from metric_batch order by id limit ${BATCHES_PER_STATEMENT} for update skip locked)
      returning participation_ids, received_at
    ), arrived as (
      select id, min(received_at) as at from taken cross join unnest(participation_ids) as id group by id
    ), locked as (
      select p.id, arrived.at from participation p join arrived on arrived.id = p.id order by p.id for no key update of p
    ), marked as (
      update participation p set accrual_due_at = least(coalesce(p.accrual_due_at, locked.at), locked.at)
        from locked where p.id = locked.id
    )
    select count(*) as batches from taken`.execute(orm.em.fork().getKysely());
  return Number(rows[0]!.batches);
}
