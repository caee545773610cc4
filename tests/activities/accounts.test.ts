import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { createAccountActivities, type OnboardInput, type Onboarding } from '../../src/activities/accounts.ts';
import { syncAccounts } from '../../src/activities/account-sync.ts';
import { CreatorPaymentAccount } from '../../src/database/entities/creator-payment-account.ts';
import { createStripeProvider, type StripeProvider } from '../../src/providers/stripe/client.ts';
import { openSandbox, type TestSandbox } from '../sandbox/support.ts';
import { inActivity } from '../support/activities.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openGateway, type Gateway } from '../support/gateway.ts';

let database: TestDatabase;
let sandbox: TestSandbox;
let gateway: Gateway;
let stripe: StripeProvider;

beforeAll(async () => {
  database = await createTestDatabase();
  sandbox = await openSandbox();
  gateway = await openGateway(sandbox.url);
  stripe = createStripeProvider({ secretKey: 'sk_test_1', apiBase: gateway.url, rateLimit: 0 });
});
afterEach(async () => {
  gateway.onRequest = () => undefined;
  gateway.onAnswer = () => undefined;
  await sandbox.control('DELETE', '/faults');
});
afterAll(async () => {
  stripe.close();
  await gateway.close();
  await sandbox.close();
  await database.close();
});

const deps = () => ({ orm: database.orm, stripe });
const run = (statement: ReturnType<typeof sql>) => statement.execute(database.orm.em.fork().getKysely());

async function creator(): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    insert into creator (name, email) values ('C', gen_random_uuid() || '@example.com') returning id`.execute(
    database.orm.em.fork().getKysely(),
  );
  return rows[0]!.id;
}

function onboard(creatorId: string, changes: Partial<OnboardInput> = {}): Promise<Onboarding> {
  const callbackUrl = 'http://localhost/callback';
  const input = { creatorId, country: 'US', returnUrl: null, refreshUrl: null, callbackUrl, ...changes };
  const activities = createAccountActivities(deps());
  return inActivity(() => activities.onboard(input));
}

async function stored(creatorId: string): Promise<CreatorPaymentAccount> {
  return database.orm.em.fork().findOneOrFail(CreatorPaymentAccount, { creatorId });
}

async function madeFor(creatorId: string): Promise<string[]> {
  const { data } = await sandbox.stripe.accounts.list({ limit: 100 });
  return data.filter(({ metadata }) => metadata?.['creator_id'] === creatorId).map(({ id }) => id);
}

const control = (account: string, action: string, body?: object) =>
  sandbox.control('POST', `/stripe/accounts/${account}/${action}`, body);

const sync = async (...accounts: string[]) => syncAccounts(deps(), accounts);

/** A creator whose account Stripe made, but we crashed before we wrote that down. */
async function forgotten(): Promise<{ creatorId: string; accountId: string }> {
  const creatorId = await creator();
  const { accountId } = await onboard(creatorId);
  await run(
    sql`update creator_payment_account set provider_account_id = null, status = 'none' where creator_id = ${creatorId}`,
  );
  return { creatorId, accountId };
}

describe('one account per creator', () => {
  test('after a crash the same key finds it', async () => {
    const { creatorId, accountId } = await forgotten();
    expect((await onboard(creatorId)).accountId).toBe(accountId);
    expect(await madeFor(creatorId)).toEqual([accountId]);
    expect(await stored(creatorId)).toMatchObject({ creationAttempt: 1, status: 'pending' });
  });

  test.each(['email', 'country'])('when the %s has changed since, it is looked up', async (changed) => {
    const { creatorId, accountId } = await forgotten();
    await run(sql`update creator set email = 'new@example.com' where id = ${creatorId} and ${changed} = 'email'`);
    const again = await onboard(creatorId, changed === 'country' ? { country: 'GB' } : {});
    expect(again.accountId).toBe(accountId);
    expect(await madeFor(creatorId)).toEqual([accountId]);
  });

  test('when the key is too old, it is looked up', async () => {
    const { creatorId, accountId } = await forgotten();
    await run(sql`
      update creator_payment_account set creation_attempted_at = now() - interval '1 day', created_at = now() - interval '1 day'
       where creator_id = ${creatorId}`);
    expect((await onboard(creatorId)).accountId).toBe(accountId);
    expect(await madeFor(creatorId)).toEqual([accountId]);
  });

  test('a key that is too old is not used again', async () => {
    const creatorId = await creator();
    await run(sql`
      insert into creator_payment_account (creator_id, country, creation_attempted_at) values (${creatorId}, 'US', now() - interval '1 day')`);
    const { accountId } = await onboard(creatorId);
    const { idempotency_key: key } = (await sandbox.journal()).find(({ effect }) => effect?.id === accountId)!;
    expect(key).toBe(`creator:${creatorId}:account:2`);
    expect(await stored(creatorId)).toMatchObject({ creationAttempt: 2, providerAccountId: accountId });
  });

  test('when Stripe broke down over the key, another one is used', async () => {
    const creatorId = await creator();
    const fault = { provider: 'stripe', path_pattern: '/v1/accounts', kind: 'error_500', times: 1 };
    await sandbox.control('POST', '/faults', fault);
    const { accountId } = await onboard(creatorId);
    expect(await madeFor(creatorId)).toEqual([accountId]);
    expect(await stored(creatorId)).toMatchObject({ creationAttempt: 2 });
  });

  test('many at once make one', async () => {
    const creatorId = await creator();
    const calls = Array.from({ length: 8 }, () => onboard(creatorId).catch(() => undefined));
    const made = new Set((await Promise.all(calls)).flatMap((call) => call?.accountId ?? []));
    expect(made.size).toBe(1);
    expect(await madeFor(creatorId)).toEqual([...made]);
  });

  test('a country that Stripe does not serve is told, and another may be given', async () => {
    const creatorId = await creator();
    gateway.onRequest = ({ body, answer }) => {
      if (!body.includes('country=ZZ')) return;
      answer(400, { error: { type: 'invalid_request_error', code: 'country_unsupported', message: 'not there' } });
    };
    await expect(onboard(creatorId, { country: 'ZZ' })).rejects.toMatchObject({ code: 'validation_failed' });
    const { accountId } = await onboard(creatorId, { country: 'GB' });
    expect(await stored(creatorId)).toMatchObject({ country: 'GB', providerAccountId: accountId });
  });

  test('what is refused otherwise is not tried again by itself', async () => {
    gateway.onRequest = ({ answer }) => {
      answer(400, { error: { type: 'invalid_request_error', message: 'Sign up for Connect first' } });
    };
    await expect(onboard(await creator())).rejects.toMatchObject({ type: 'provider_unavailable', nonRetryable: true });
  });
});

describe('keeping in step', () => {
  test('the account is stored as Stripe has it', async () => {
    const creatorId = await creator();
    const { accountId } = await onboard(creatorId, { returnUrl: 'http://localhost/back' });
    await control(accountId, 'complete');
    const { statuses, failures } = await sync(accountId, 'acct_of_somebody_else');
    expect([...statuses]).toEqual([[accountId, 'active']]);
    expect(failures.size).toBe(0);
    expect(await stored(creatorId)).toMatchObject({
      status: 'active',
      payoutsEnabled: true,
      chargesEnabled: true,
      transfersEnabled: true,
      requirements: [],
      disabledReason: null,
      destinationLast4: '6789',
      destinationCurrency: 'USD',
      destinationChangedAt: null,
      returnUrl: 'http://localhost/back',
    });
    await onboard(creatorId);
    expect(await stored(creatorId)).toMatchObject({ status: 'active', returnUrl: 'http://localhost/back' });
  });

  test('a read that began earlier never overwrites one that began later', async () => {
    const creatorId = await creator();
    const { accountId } = await onboard(creatorId);
    const held = Promise.withResolvers<undefined>();
    const answered = Promise.withResolvers<undefined>();
    gateway.onAnswer = () => {
      gateway.onAnswer = () => undefined;
      answered.resolve(undefined);
      return held.promise;
    };
    const slow = sync(accountId);
    await answered.promise;
    await control(accountId, 'complete');
    await sync(accountId);
    const { version } = await stored(creatorId);
    held.resolve(undefined);
    expect([...(await slow).statuses]).toEqual([[accountId, 'active']]);
    expect(await stored(creatorId)).toMatchObject({ status: 'active', version });
  });

  test('another bank account is noticed, the first one and a removed one are not', async () => {
    const creatorId = await creator();
    const { accountId } = await onboard(creatorId);
    await control(accountId, 'complete');
    await sync(accountId);
    expect(await stored(creatorId)).toMatchObject({ destinationChangedAt: null });
    await control(accountId, 'complete', { account_number: '000111111116' });
    await sync(accountId);
    const changed = await stored(creatorId);
    expect(changed.destinationLast4).toBe('1116');
    expect(changed.destinationChangedAt).toBeInstanceOf(Date);
    await sync(accountId);
    expect((await stored(creatorId)).destinationChangedAt).toEqual(changed.destinationChangedAt);
  });

  test('an account that we have lost access to is restricted', async () => {
    const creatorId = await creator();
    const { accountId } = await onboard(creatorId);
    await control(accountId, 'complete');
    await sync(accountId);
    await control(accountId, 'deauthorize');
    expect([...(await sync(accountId)).statuses]).toEqual([[accountId, 'restricted']]);
    expect(await stored(creatorId)).toMatchObject({ payoutsEnabled: false, disabledReason: 'platform_access_lost' });
  });

  test('many are stored at once, and when Stripe stops answering the rest is left as it was', async () => {
    const creators = await Promise.all(Array.from({ length: 20 }, creator));
    const accounts = await Promise.all(creators.map(async (id) => (await onboard(id)).accountId));
    await Promise.all(accounts.map((account) => control(account, 'complete')));
    const fault = { provider: 'stripe', path_pattern: accounts[5], kind: 'drop', times: 1 };
    await sandbox.control('POST', '/faults', fault);
    const { statuses, failures } = await sync(...accounts);
    expect(failures.get(accounts[5]!)).toMatchObject({ kind: 'unknown' });
    expect(statuses.size + failures.size).toBe(20);
    expect(statuses.size).toBeGreaterThan(0);
    expect(new Set(statuses.values())).toEqual(new Set(['active']));
    expect((await sync(...accounts)).statuses.size).toBe(20);
  });
});
