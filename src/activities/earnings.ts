import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { creatorAccount } from '../ledger/accounts.ts';
import { post, type PostedBy } from '../ledger/post.ts';
import { postedByWorkflow } from './context.ts';

/** All that one creator earned in one currency and that is released at one moment. */
export interface Hold {
  creatorId: string;
  currency: string;
  /** ISO 8601 with milliseconds. */
  releaseAt: string;
}

export interface LockedEarnings {
  earnings: number;
  /** Minor units that can be paid from now on. */
  amount: string;
}

export type EarningActivities = ReturnType<typeof createEarningActivities>;

export function createEarningActivities({ orm }: { orm: MikroORM }) {
  return {
    /** Makes all undisputed pending earnings of a hold payable, in one journal entry. A second call finds nothing left. */
    async lockEarnings(hold: Hold): Promise<LockedEarnings> {
      const by = postedByWorkflow();
      return orm.em.fork().transactional((em) => lockEarnings(em, hold, by));
    },
  };
}

async function lockEarnings(
  em: EntityManager,
  { creatorId, currency, releaseAt }: Hold,
  by: PostedBy,
): Promise<LockedEarnings> {
  const { rows } = await sql<{ id: string; amount: string }>`
    with due as (
      select id from earning
       where creator_id = ${creatorId} and currency = ${currency} and release_at = ${releaseAt}::timestamptz
         and status = 'pending' and not disputed
       order by id for no key update
    )
    update earning e set status = 'locked', locked_at = now() from due where e.id = due.id
    returning e.id, e.net - e.clawed_back_amount as amount`.execute(em.getKysely());
  const amount = rows.reduce((sum, row) => sum + BigInt(row.amount), 0n);
  if (amount !== 0n) {
    // an earning is locked once, so the first of those locked together names the entry for ever
    const [first] = rows.map(({ id }) => id).sort();
    const key = `earnings-hold:${creatorId}:${currency}:${releaseAt}:${first}`;
    const lines = [
      { account: creatorAccount(creatorId, 'pending', currency), amount: -amount },
      { account: creatorAccount(creatorId, 'available', currency), amount },
    ];
    await post(em, [{ type: 'earning_locked', key, correlationId: `creator:${creatorId}`, lines }], by);
  }
  return { earnings: rows.length, amount: amount.toString() };
}
