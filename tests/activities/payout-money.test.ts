import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { applyBankPayoutWords } from '../../src/activities/payout-events.ts';
import { payThroughStripe, type PayContext } from '../../src/activities/payout-pay.ts';
import { reservePayouts } from '../../src/activities/payout-reserve.ts';
import { returnMoney } from '../../src/activities/payout-return.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { createStripeProvider, type StripeProvider } from '../../src/providers/stripe/client.ts';
import { openSandbox, type TestSandbox } from '../sandbox/support.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { giveEarnings } from '../support/payees.ts';

const by = { actor: 'test' };

let database: TestDatabase;
let sandbox: TestSandbox;
let stripe: StripeProvider;

beforeAll(async () => {
  database = await createTestDatabase();
  sandbox = await openSandbox({ payoutDelayMs: 60_000 });
  stripe = createStripeProvider({ secretKey: 'sk_test_1', apiBase: sandbox.url, rateLimit: 0 });
});
afterEach(async () => {
  await sandbox.control('DELETE', '/faults');
  expect((await verifyLedger(database.orm.em.fork())).differences).toEqual([]);
});
afterAll(async () => {
  stripe.close();
  await sandbox.close();
  await database.close();
});

interface PayoutRow {
  status: string;
  needs_return: boolean;
  bank_payout_id: string | null;
  failure_code: string | null;
}

/** A payout of 50 dollars whose money is set aside. */
async function reserved(): Promise<string> {
  const [creatorId, payoutId, account] = [uuidv7(), uuidv7(), await sandbox.payee()];
  const em = database.orm.em.fork();
  await sql`insert into creator (id, name, email) values (${creatorId}, 'Creator', ${`${creatorId}@example.com`})`.execute(
    em.getKysely(),
  );
  await sql`
    insert into creator_payment_account (creator_id, provider_account_id, country, status)
    values (${creatorId}, ${account}, 'US', 'active')`.execute(em.getKysely());
  await giveEarnings(em, [creatorId], 5000n);
  await sql`
    insert into payout (id, creator_id, request_key, status, amount, currency, method, requested_by)
    values (${payoutId}, ${creatorId}, ${payoutId}, 'approved', 5000, 'USD', 'stripe', 'test')`.execute(em.getKysely());
  await database.orm.em.fork().transactional((tx) => reservePayouts(tx, [payoutId], by));
  return payoutId;
}

const pay = (ids: string[], context: Partial<PayContext> = {}) =>
  payThroughStripe(ids, {
    orm: database.orm,
    stripe,
    by,
    signal: new AbortController().signal,
    heartbeat: () => undefined,
    ...context,
  });

const fetchBack = (id: string) =>
  returnMoney(id, { orm: database.orm, stripe, by, signal: new AbortController().signal });

async function payoutOf(id: string): Promise<PayoutRow> {
  const { rows } = await sql<PayoutRow>`
    select status, needs_return, bank_payout_id, failure_code from payout where id = ${id}`.execute(
    database.orm.em.fork().getKysely(),
  );
  return rows[0]!;
}

/** The bank sends the money of a payout back, and Stripe says so. */
async function bankRefuses(id: string, bankPayoutId: string, attempt = 1): Promise<void> {
  await sandbox.control('POST', `/stripe/payouts/${bankPayoutId}`, { status: 'failed', failure_code: 'no_account' });
  const word = { bankPayoutId, payoutId: id, attempt, verdict: 'failed', code: 'no_account', message: null } as const;
  await database.orm.em.fork().transactional((em) => applyBankPayoutWords(em, [word], by));
}

/** How often the sandbox moved money for a payout, by what it did. */
async function moved(id: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { effect, body } of await sandbox.journal()) {
    const { metadata } = (body ?? {}) as { metadata?: { payout_id?: string } };
    if (effect && metadata?.payout_id === id) counts[effect.type] = (counts[effect.type] ?? 0) + 1;
  }
  return counts;
}

const inject = (path: string, kind: string, options: object = {}) =>
  sandbox.control('POST', '/faults', { provider: 'stripe', path_pattern: path, kind, times: 1, ...options });

test('an error of Stripe on the way back costs one try, not the money: the next one has a key of its own', async () => {
  const id = await reserved();
  await pay([id]);
  await bankRefuses(id, (await payoutOf(id)).bank_payout_id!);
  await inject('/reversals', 'error_500', { times: 2 });
  await expect(fetchBack(id)).rejects.toMatchObject({ kind: 'unknown' });
  await expect(fetchBack(id)).rejects.toMatchObject({ kind: 'unknown' });
  expect(await fetchBack(id)).toEqual({ returned: true });
  expect(await payoutOf(id)).toMatchObject({ status: 'failed', needs_return: false, failure_code: 'no_account' });
  expect(await moved(id)).toEqual({ transfer: 1, payout: 1, transfer_reversal: 1 });
});

test('what the bank says before we have written down that it was asked is not lost', async () => {
  const id = await reserved();
  const hasty: StripeProvider = {
    ...stripe,
    createBankPayout: async (payout, signal) => {
      const made = await stripe.createBankPayout(payout, signal);
      await bankRefuses(id, made.id);
      return made;
    },
  };
  await pay([id], { stripe: hasty });
  expect(await payoutOf(id)).toMatchObject({ needs_return: true, failure_code: 'no_account' });
  expect(await fetchBack(id)).toEqual({ returned: true });
  expect(await payoutOf(id)).toMatchObject({ status: 'failed', needs_return: false });
  expect(await moved(id)).toEqual({ transfer: 1, payout: 1, transfer_reversal: 1 });
});

test.each(['paid', 'failed'] as const)('the word %s ends a step that nobody lived to write down', async (verdict) => {
  const id = await reserved();
  const dying: StripeProvider = {
    ...stripe,
    createBankPayout: async (payout, signal) => {
      await stripe.createBankPayout(payout, signal);
      throw new TypeError('the process ends');
    },
  };
  await expect(pay([id], { stripe: dying })).rejects.toThrow('the process ends');
  const made = (await sandbox.journal()).at(-1)!.effect!.id;
  const word = { bankPayoutId: made, payoutId: id, attempt: 1, verdict, code: null, message: null };
  await database.orm.em.fork().transactional((em) => applyBankPayoutWords(em, [word], by));
  expect(await payoutOf(id)).toMatchObject(verdict === 'paid' ? { status: 'completed' } : { needs_return: true });
  const { rows } = await sql<{ step: string; status: string; provider_id: string }>`
    select step, status, provider_id from payout_attempt where payout_id = ${id} and step = 'bank_payout'`.execute(
    database.orm.em.fork().getKysely(),
  );
  expect(rows).toEqual([{ step: 'bank_payout', status: 'succeeded', provider_id: made }]);
});

test('a try that another one has overtaken cannot call off what that one sent', async () => {
  const id = await reserved();
  const [reading, sent] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  const overtaken: StripeProvider = {
    ...stripe,
    retrieveAccount: async (account, signal) => {
      reading.resolve(undefined);
      await sent.promise;
      return stripe.retrieveAccount(account, signal);
    },
  };
  await inject('/v1/accounts', 'error_500');
  const first = pay([id], { stripe: overtaken });
  await reading.promise;
  const overtaking: StripeProvider = {
    ...stripe,
    createTransfer: async (transfer, signal) => {
      const made = await stripe.createTransfer(transfer, signal);
      sent.resolve(undefined);
      await first;
      return made;
    },
  };
  await pay([id], { stripe: overtaking });
  expect(await payoutOf(id)).toMatchObject({ status: 'in_transit', failure_code: null });
  expect(await moved(id)).toEqual({ transfer: 1, payout: 1 });
});

test('a try that is called off leaves its payouts as they are for the next one', async () => {
  const id = await reserved();
  const abort = new AbortController();
  const slow: StripeProvider = {
    ...stripe,
    retrieveAccount: (account, signal) => {
      abort.abort(new Error('called off'));
      return stripe.retrieveAccount(account, signal);
    },
  };
  await expect(pay([id], { stripe: slow, signal: abort.signal })).rejects.toThrow('called off');
  expect(await payoutOf(id)).toMatchObject({ status: 'processing', failure_code: null });
  await pay([id]);
  expect(await payoutOf(id)).toMatchObject({ status: 'in_transit' });
  expect(await moved(id)).toEqual({ transfer: 1, payout: 1 });
});

test('a try that fails on the database ends only when nothing of it is under way any more', async () => {
  const ids = [await reserved(), await reserved()];
  let answers = 0;
  const broken: StripeProvider = {
    ...stripe,
    createTransfer: async (transfer, signal) => {
      const made = await stripe.createTransfer(transfer, signal);
      if (transfer.payoutId === ids[0]) throw new TypeError('not an answer of Stripe');
      await new Promise((resolve) => setTimeout(resolve, 200));
      answers += 1;
      return made;
    },
  };
  await expect(pay(ids, { stripe: broken })).rejects.toThrow('not an answer of Stripe');
  expect(answers).toBe(1);
  await pay(ids);
  for (const id of ids) {
    expect(await payoutOf(id)).toMatchObject({ status: 'in_transit' });
    expect(await moved(id)).toEqual({ transfer: 1, payout: 1 });
  }
});
