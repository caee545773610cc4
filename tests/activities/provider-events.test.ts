import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import {
  createProviderEventActivities,
  type HandledBatch,
  type PayoutEventHandler,
} from '../../src/activities/provider-events.ts';
import { storeProviderEvents, type ProviderEvent } from '../../src/database/provider-events.ts';
import { createStripeProvider, type StripeProvider } from '../../src/providers/stripe/client.ts';
import { openSandbox, type TestSandbox } from '../sandbox/support.ts';
import { inActivity } from '../support/activities.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let sandbox: TestSandbox;
let stripe: StripeProvider;
let onPayoutEvents: PayoutEventHandler;

beforeAll(async () => {
  database = await createTestDatabase();
  sandbox = await openSandbox({ payoutDelayMs: 60_000 });
  stripe = createStripeProvider({ secretKey: 'sk_test_1', apiBase: sandbox.url, rateLimit: 0 });
});
beforeEach(() => {
  onPayoutEvents = () => Promise.resolve(() => Promise.resolve());
});
afterEach(async () => {
  await sandbox.control('DELETE', '/faults');
  await query(sql`delete from provider_event`);
});
afterAll(async () => {
  stripe.close();
  await sandbox.close();
  await database.close();
});

async function query<Row>(statement: ReturnType<typeof sql<Row>>): Promise<Row[]> {
  return (await statement.execute(database.orm.em.fork().getKysely())).rows;
}

const activities = () => createProviderEventActivities({ orm: database.orm, stripe, onPayoutEvents });

function handle(limit = 500): Promise<HandledBatch> {
  return inActivity(() => activities().handleProviderEvents({ provider: 'stripe', limit }));
}

function event(type: string, changes: Partial<ProviderEvent> = {}): ProviderEvent {
  const id = `evt_${uuidv7()}`;
  return { id, type, account: null, objectId: null, createdAt: new Date(), payload: { id, type }, ...changes };
}

const store = (...events: ProviderEvent[]) => storeProviderEvents(database.orm.em.fork(), 'stripe', events);

interface EventState {
  id: string;
  handled: boolean;
  attempts: number;
  error: string | null;
  due: boolean;
}

function states(): Promise<EventState[]> {
  return query(sql<EventState>`
    select id, handled_at is not null as handled, attempts, error, next_attempt_at <= now() as due from provider_event order by id`);
}

const makeAllDue = () =>
  query(sql`update provider_event set next_attempt_at = now() where next_attempt_at < 'infinity'`);

async function creatorWithAccount(): Promise<{ creatorId: string; account: string }> {
  const creators = await query(sql<{ id: string }>`
    insert into creator (name, email) values ('C', gen_random_uuid() || '@example.com') returning id`);
  const creatorId = creators[0]!.id;
  const { id: account } = await stripe.createAccount({
    creatorId,
    email: 'a@example.com',
    country: 'US',
    idempotencyKey: uuidv7(),
  });
  await query(sql`
    insert into creator_payment_account (creator_id, country, provider_account_id, status, created_at)
    values (${creatorId}, 'US', ${account}, 'pending', now() - interval '1 day')`);
  return { creatorId, account };
}

async function statusOf(account: string): Promise<string | undefined> {
  const rows = await query(sql<{ status: string }>`
    select status from creator_payment_account where provider_account_id = ${account}`);
  return rows[0]?.status;
}

const complete = (account: string) => sandbox.control('POST', `/stripe/accounts/${account}/complete`);
const restrict = (account: string) => sandbox.control('POST', `/stripe/accounts/${account}/restrict`);

async function readsOf(account: string): Promise<number> {
  const journal = await sandbox.journal();
  return journal.filter(({ method, path }) => method === 'GET' && path === `/v1/accounts/${account}`).length;
}

test('an event is stored once, also within one statement', async () => {
  const one = event('payout.paid');
  expect(await store(one, one, event('payout.paid'))).toBe(2);
  expect(await store(one)).toBe(0);
  expect(await states()).toHaveLength(2);
});

test('events of unknown types are handled by doing nothing', async () => {
  await store(event('invoice.paid'), event('something.new'));
  expect(await handle()).toEqual({ taken: 2, retryInMs: null, abandoned: [] });
  expect((await states()).every(({ handled }) => handled)).toBe(true);
  expect(await handle()).toMatchObject({ taken: 0 });
});

describe('payout events', () => {
  const types = ['payout.paid', 'transfer.reversed', 'topup.succeeded', 'balance.available'];

  test('are applied as a set, in the transaction that marks them handled, and what follows comes after it', async () => {
    const seen: string[][] = [];
    const handledAfter: boolean[] = [];
    onPayoutEvents = (_em, events) => {
      seen.push(events.map(({ type }) => type));
      return Promise.resolve(async () => {
        handledAfter.push(...(await states()).map(({ handled }) => handled));
      });
    };
    await store(...types.map((type) => event(type)));
    await handle();
    expect(seen.map((set) => set.sort())).toEqual([[...types].sort()]);
    expect(handledAfter).toEqual([true, true, true, true]);
  });

  test('come with all that was said', async () => {
    const seen: ProviderEvent[] = [];
    onPayoutEvents = (_em, events) => {
      seen.push(...events);
      return Promise.resolve(() => Promise.resolve());
    };
    const createdAt = new Date('2026-11-01T10:00:00Z');
    const payload = { data: { object: { id: 'po_1', amount: 12_345 } } };
    const paid = event('payout.paid', { account: 'acct_1', objectId: 'po_1', createdAt, payload });
    await store(paid);
    await handle();
    expect(seen).toEqual([paid]);
  });

  test('one that cannot be applied does not hold up the others, and is given up in the end', async () => {
    const poison = event('payout.paid');
    let applied = 0;
    onPayoutEvents = async (em, events) => {
      await sql`update creator set bio = bio where false`.execute(em.getKysely());
      if (events.some(({ id }) => id === poison.id)) throw new Error('poison');
      applied += events.length;
      return () => Promise.resolve();
    };
    await store(...Array.from({ length: 30 }, () => event('payout.paid')), poison);
    const first = await handle();
    expect(first.taken).toBe(31);
    expect(first.retryInMs).toBeGreaterThan(0);
    expect(applied).toBe(30);
    const failed = (await states()).filter(({ handled }) => !handled);
    expect(failed).toEqual([{ id: poison.id, handled: false, attempts: 1, error: 'Error: poison', due: false }]);
    expect(await handle()).toMatchObject({ taken: 0 });

    for (let attempt = 2; attempt <= 10; attempt += 1) {
      await makeAllDue();
      await handle();
    }
    const end = await handle();
    expect(end).toEqual({ taken: 0, retryInMs: null, abandoned: [`${poison.id} payout.paid: Error: poison`] });
    await makeAllDue();
    expect((await handle()).taken).toBe(0);
  });

  test('of two that handle at the same time one applies each event', async () => {
    const applied: string[] = [];
    onPayoutEvents = async (em, events) => {
      await sql`select pg_sleep(0.05)`.execute(em.getKysely());
      applied.push(...events.map(({ id }) => id));
      return () => Promise.resolve();
    };
    const events = Array.from({ length: 50 }, () => event('payout.paid'));
    await store(...events);
    await Promise.all([handle(), handle(), handle(20)]);
    await handle();
    expect(applied.sort()).toEqual(events.map(({ id }) => id).sort());
  });
});

describe('account events', () => {
  test('in any order and number end with what Stripe has, read once per account', async () => {
    const { account } = await creatorWithAccount();
    await complete(account);
    await restrict(account);
    await complete(account);
    const events = ['account.updated', 'capability.updated', 'account.external_account.updated', 'account.updated'];
    const stale = { data: { object: { id: account, payouts_enabled: false } } };
    const before = await readsOf(account);
    await store(...events.map((type) => event(type, { account, objectId: account, payload: stale })));
    await handle();
    expect(await statusOf(account)).toBe('active');
    expect((await readsOf(account)) - before).toBe(1);
    expect((await states()).every(({ handled }) => handled)).toBe(true);
  });

  test('that come late, after a newer state was read, change nothing for the worse', async () => {
    const { account } = await creatorWithAccount();
    await complete(account);
    await store(event('account.updated', { account }));
    await handle();
    await store(event('account.updated', { account, createdAt: new Date(0), payload: { old: true } }));
    await handle();
    expect(await statusOf(account)).toBe('active');
  });

  test('of accounts that are not ours are handled without asking Stripe', async () => {
    await store(event('account.updated', { account: 'acct_other' }), event('account.updated', { objectId: 'acct_x' }));
    await handle();
    expect((await states()).every(({ handled }) => handled)).toBe(true);
    expect(await readsOf('acct_other')).toBe(0);
  });

  test('when the account leaves the platform, it is restricted', async () => {
    const { account } = await creatorWithAccount();
    await complete(account);
    await sandbox.control('POST', `/stripe/accounts/${account}/deauthorize`);
    await store(event('account.application.deauthorized', { account }));
    await handle();
    expect(await statusOf(account)).toBe('restricted');
  });

  test('wait while Stripe does not answer, are never given up for that, and hold up nobody', async () => {
    const { account } = await creatorWithAccount();
    await complete(account);
    await sandbox.control('POST', '/faults', { provider: 'stripe', path_pattern: account, kind: 'drop', times: 100 });
    await store(event('account.updated', { account }));
    for (let attempt = 1; attempt <= 12; attempt += 1) {
      await store(event('payout.paid'));
      await handle();
      await makeAllDue();
    }
    const waiting = (await states()).filter(({ handled }) => !handled);
    expect(waiting).toMatchObject([{ attempts: 0 }]);
    expect(waiting[0]?.error).toContain('StripeFailure');
    await sandbox.control('DELETE', '/faults');
    await handle();
    expect(await statusOf(account)).toBe('active');
    expect((await states()).every(({ handled, error }) => handled && error === null)).toBe(true);
  });
});

describe('the gap filler', () => {
  const fill = (since = new Date(0)) => {
    return inActivity(() => activities().fillProviderEventGaps({ since: since.toISOString() }));
  };

  async function payTo(account: string, creatorId: string): Promise<string> {
    const payoutId = uuidv7();
    const common = { payoutId, amount: 100n, currency: 'USD' };
    await stripe.createTransfer({
      ...common,
      destination: account,
      transferGroup: payoutId,
      idempotencyKey: `t${payoutId}`,
    });
    const payout = await stripe.createBankPayout({ ...common, account, idempotencyKey: `b${payoutId}` });
    await query(sql`
      insert into payout (id, creator_id, request_key, status, amount, currency, method, destination, requested_by)
      values (${payoutId}, ${creatorId}, ${payoutId}, 'in_transit', 100, 'USD', 'stripe', ${account}, 'test')`);
    return payout.id;
  }

  const storedTypes = async (account: string | null) => {
    const rows = await query(sql<{ type: string }>`
      select type from provider_event where account is not distinct from ${account} order by type`);
    return rows.map(({ type }) => type);
  };

  test("stores the platform's events and those of accounts with payouts under way, once", async () => {
    const { creatorId, account } = await creatorWithAccount();
    const other = await creatorWithAccount();
    await complete(account);
    await complete(other.account);
    const payout = await payTo(account, creatorId);
    await sandbox.control('POST', `/stripe/payouts/${payout}`, { status: 'paid' });
    expect(await fill()).toMatchObject({ accounts: 1 });
    expect(await storedTypes(null)).toContain('transfer.created');
    expect(await storedTypes(account)).toEqual(
      expect.arrayContaining(['account.updated', 'payout.created', 'payout.paid']),
    );
    expect(await storedTypes(other.account)).toEqual([]);
    expect(await fill()).toEqual({ stored: 0, accounts: 1 });
    const seen: string[] = [];
    onPayoutEvents = (_em, events) => {
      seen.push(...events.map(({ type, objectId }) => `${type} ${objectId}`));
      return Promise.resolve(() => Promise.resolve());
    };
    await handle();
    expect(seen).toContain(`payout.paid ${payout}`);
    expect(await statusOf(account)).toBe('active');
  });

  test('goes on with the others where an account has been lost', async () => {
    const lost = await creatorWithAccount();
    const kept = await creatorWithAccount();
    for (const { account, creatorId } of [lost, kept]) {
      await complete(account);
      await payTo(account, creatorId);
    }
    await sandbox.control('POST', `/stripe/accounts/${lost.account}/deauthorize`);
    await fill(new Date());
    expect(await storedTypes(kept.account)).toContain('payout.created');
  });

  test('fails, to be called again, while Stripe does not answer', async () => {
    await sandbox.control('POST', '/faults', {
      provider: 'stripe',
      path_pattern: '/v1/events',
      kind: 'drop',
      times: 1,
    });
    await expect(fill()).rejects.toMatchObject({ kind: 'unknown' });
    await fill();
  });
});
