import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { completeAccount, giveEarnings } from '../support/payees.ts';
import type { PlannedCreator } from './plan.ts';
import type { World } from './world.ts';

export interface Payee extends PlannedCreator {
  creatorId: string;
  accountId: string;
}

/** Creators with locked earnings and finished Stripe accounts, made set by set. */
export async function makePayees({ orm, stripe, stack }: World, planned: PlannedCreator[]): Promise<Payee[]> {
  const payees = await Promise.all(
    planned.map(async (creator) => {
      const creatorId = uuidv7();
      const account = { creatorId, email: `${creatorId}@example.com`, country: 'US', idempotencyKey: creatorId };
      const { id: accountId } = await stripe.createAccount(account);
      await completeAccount(stack.sandboxUrl, accountId, creator.failingNumber);
      return { ...creator, creatorId, accountId };
    }),
  );
  const ids = payees.map(({ creatorId }) => creatorId);
  const em = orm.em.fork();
  await sql`
    with made as (
      insert into creator (id, name, email)
      select id, 'Creator', id || '@example.com' from unnest(${ids}::uuid[]) as c (id) returning id
    )
    insert into creator_payment_account
      (creator_id, provider_account_id, country, status, payouts_enabled, charges_enabled, transfers_enabled, synced_at)
    select m.id, a.account, 'US', 'active', true, true, true, now()
      from made m join unnest(${ids}::uuid[], ${payees.map(({ accountId }) => accountId)}::text[]) as a (id, account) on a.id = m.id`.execute(
    em.getKysely(),
  );
  for (const [amount, group] of Map.groupBy(payees, (payee) => payee.amount)) {
    await giveEarnings(
      em,
      group.map(({ creatorId }) => creatorId),
      amount,
    );
  }
  return payees;
}
