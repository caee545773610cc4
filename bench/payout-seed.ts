import type { MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import pLimit from 'p-limit';
import { v7 as uuidv7 } from 'uuid';
import { creatorAccount, railAccount } from '../src/ledger/accounts.ts';
import { post, type JournalEntry } from '../src/ledger/post.ts';
import { createStripeProvider } from '../src/providers/stripe/client.ts';

export interface Payee {
  id: string;
  account: string;
}

/** Minor units. */
export const AMOUNT = 5000n;
const AT_ONCE = 32;
const BATCH = 500;

/** One of Stripe's published test numbers: payouts to it fail with `no_account`. */
export const NO_SUCH_ACCOUNT = '000111111116';

/** Creators with onboarded accounts at the sandbox, and no money yet. `accountNumber` decides how their bank payouts end. */
export async function seedPayees(
  orm: MikroORM,
  stripe: { secretKey: string; apiBase: string },
  count: number,
  accountNumber?: string,
): Promise<Payee[]> {
  const provider = createStripeProvider({ ...stripe, rateLimit: 0 });
  const limit = pLimit(AT_ONCE);
  const open = async (id: string): Promise<Payee> => {
    const account = await provider.createAccount({
      creatorId: id,
      email: `${id}@bench.example`,
      country: 'US',
      idempotencyKey: `bench:${id}`,
    });
    await control(`${stripe.apiBase}/_sandbox/stripe/accounts/${account.id}/complete`, {
      ...(accountNumber && { account_number: accountNumber }),
    });
    return { id, account: account.id };
  };
  try {
    const payees = await Promise.all(Array.from({ length: count }, () => limit(() => open(uuidv7()))));
    await sql`
      with seeded as (select * from unnest(${payees.map(({ id }) => id)}::uuid[], ${payees.map(({ account }) => account)}::text[]) as s (id, account)),
      creators as (
        insert into creator (id, name, email) select id, 'Creator ' || id, id || '@bench.example' from seeded returning id)
      insert into creator_payment_account (creator_id, provider_account_id, country, status, payouts_enabled, charges_enabled, transfers_enabled)
      select s.id, s.account, 'US', 'active', true, true, true from seeded s join creators c on c.id = s.id`.execute(
      orm.em.fork().getKysely(),
    );
    return payees;
  } finally {
    provider.close();
  }
}

async function control(url: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  await response.body?.cancel();
}

/** Gives each {@link AMOUNT}, as a locked earning. */
export async function fund(orm: MikroORM, payees: Payee[]): Promise<void> {
  const cash = railAccount('stripe', 'cash', 'USD');
  for (let from = 0; from < payees.length; from += BATCH) {
    const chunk = payees.slice(from, from + BATCH);
    await orm.em.fork().transactional(async (em) => {
      await sql`
        insert into earning (creator_id, source_type, source_id, source_event, gross, fee, net, currency, status, rules_version, earned_at, release_at, locked_at)
        select id, 'campaign', uuidv7(), 'bench:' || uuidv7(), ${AMOUNT.toString()}::bigint, 0, ${AMOUNT.toString()}::bigint, 'USD', 'locked', 1, now(), now(), now()
          from unnest(${chunk.map(({ id }) => id)}::uuid[]) as id`.execute(em.getKysely());
      await post(em, chunk.map(funding), { actor: 'bench' });
    });
  }

  function funding({ id }: Payee): JournalEntry {
    return {
      type: 'campaign_funded',
      key: `bench:${uuidv7()}`,
      lines: [
        { account: cash, amount: -AMOUNT },
        { account: creatorAccount(id, 'available', 'USD'), amount: AMOUNT },
      ],
    };
  }
}
