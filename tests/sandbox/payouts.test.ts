import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type Stripe from 'stripe';
import { errorOf, eventually, openSandbox, type TestSandbox } from './support.ts';

let sandbox: TestSandbox;
let stripe: Stripe;
beforeAll(async () => {
  sandbox = await openSandbox();
  ({ stripe } = sandbox);
});
afterAll(() => sandbox.close());

async function funded(amount = 1000, accountNumber?: string): Promise<string> {
  const id = await sandbox.payee(accountNumber);
  await stripe.transfers.create({ amount, currency: 'usd', destination: id });
  return id;
}

function pay(
  stripeAccount: string,
  amount = 1000,
  more: Partial<Stripe.PayoutCreateParams> = {},
): Promise<Stripe.Payout> {
  return stripe.payouts.create({ amount, currency: 'usd', ...more }, { stripeAccount });
}

function settled(id: string, stripeAccount: string, client = stripe): Promise<Stripe.Payout> {
  return eventually(async () => {
    const payout = await client.payouts.retrieve(id, {}, { stripeAccount });
    return payout.status === 'pending' || payout.status === 'in_transit' ? undefined : payout;
  });
}

async function available(stripeAccount: string): Promise<number | undefined> {
  return (await stripe.balance.retrieve({}, { stripeAccount })).available[0]?.amount;
}

async function typesOf(stripeAccount: string, type: string): Promise<string[]> {
  return (await stripe.events.list({ type }, { stripeAccount })).data.map((event) => event.type).reverse();
}

test('a payout goes pending, in transit, paid, and takes the money at once', async () => {
  const account = await funded();
  const payout = await pay(account, 1000, { metadata: { payout: '7' }, statement_descriptor: 'STIPEND' });
  expect(payout).toMatchObject({
    object: 'payout',
    amount: 1000,
    automatic: false,
    currency: 'usd',
    failure_code: null,
    metadata: { payout: '7' },
    method: 'standard',
    status: 'pending',
    type: 'bank_account',
  });
  expect(await available(account)).toBe(0);
  expect(await settled(payout.id, account)).toMatchObject({ status: 'paid', trace_id: { status: 'supported' } });
  expect(await typesOf(account, 'payout.*')).toEqual(['payout.created', 'payout.updated', 'payout.paid']);
  expect(await errorOf(stripe.payouts.retrieve(payout.id))).toMatchObject({ statusCode: 404 });
});

test.each([
  ['000111111116', 'no_account'],
  ['000111111113', 'account_closed'],
  ['000222222227', 'insufficient_funds'],
  ['000333333335', 'debit_not_authorized'],
  ['000444444440', 'invalid_currency'],
  ['11111113', 'account_closed'],
  ['DE62370400440532013001', 'no_account'],
])('test number %s fails with %s and gives the money back', async (number, failure) => {
  const account = await funded(1000, number);
  const failed = await settled((await pay(account)).id, account);
  expect(failed).toMatchObject({ status: 'failed', failure_code: failure });
  expect(failed.failure_message).toEqual(expect.any(String));
  expect(await available(account)).toBe(1000);
  const back = failed.failure_balance_transaction as string;
  expect(await stripe.balanceTransactions.retrieve(back, {}, { stripeAccount: account })).toMatchObject({
    amount: 1000,
    type: 'payout_failure',
    reporting_category: 'payout_reversal',
    source: failed.id,
  });
});

test.each(['000123456789', 'DE89370400440532013000', '00012345'])('test number %s is paid', async (number) => {
  const account = await funded(1000, number);
  expect((await settled((await pay(account)).id, account)).status).toBe('paid');
});

test('a failing bank account is disabled until it is replaced', async () => {
  const account = await funded(1000, '000111111113');
  await settled((await pay(account)).id, account);
  const disabled = await stripe.accounts.retrieve(account);
  expect(disabled).toMatchObject({ payouts_enabled: false, requirements: { currently_due: ['external_account'] } });
  expect(disabled.external_accounts?.data).toMatchObject([{ status: 'errored' }]);
  expect(disabled.capabilities).toMatchObject({ transfers: 'active' });
  expect(await errorOf(pay(account))).toMatchObject({ statusCode: 400, code: 'payouts_not_allowed' });
  expect(await typesOf(account, 'account.external_account.*')).toEqual([
    'account.external_account.created',
    'account.external_account.updated',
  ]);
  await sandbox.control('POST', `/stripe/accounts/${account}/complete`, { account_number: '000123456789' });
  expect((await stripe.accounts.retrieve(account)).payouts_enabled).toBe(true);
  expect((await settled((await pay(account)).id, account)).status).toBe('paid');
});

test('an update without changes enables an errored bank account again', async () => {
  const account = await funded(1000, '000111111116');
  const payout = await settled((await pay(account)).id, account);
  const bank = payout.destination as string;
  expect(await stripe.accounts.updateExternalAccount(account, bank, {})).toMatchObject({ status: 'new' });
  expect((await stripe.accounts.retrieve(account)).payouts_enabled).toBe(true);
});

test('a paid payout can come back from the bank', async () => {
  const account = await funded();
  const { id } = await settled((await pay(account)).id, account);
  const returned = await sandbox.control('POST', `/stripe/payouts/${id}`, {
    status: 'failed',
    failure_code: 'account_closed',
  });
  expect(returned).toMatchObject({ status: 'failed', failure_code: 'account_closed' });
  expect(await available(account)).toBe(1000);
  expect(await typesOf(account, 'payout.*')).toEqual([
    'payout.created',
    'payout.updated',
    'payout.paid',
    'payout.failed',
  ]);
  expect((await settled((await pay(account)).id, account)).status).toBe('paid');
});

test('controls decide a payout before the bank does', async () => {
  const slow = await openSandbox({ payoutDelayMs: 3_600_000 });
  const account = await slow.payee();
  await slow.stripe.transfers.create({ amount: 900, currency: 'usd', destination: account });
  const make = () => slow.stripe.payouts.create({ amount: 300, currency: 'usd' }, { stripeAccount: account });
  const [first, second, third] = [await make(), await make(), await make()];
  expect(await slow.control('POST', `/stripe/payouts/${first.id}`, { status: 'paid' })).toMatchObject({
    status: 'paid',
  });
  expect(await slow.control('POST', `/stripe/payouts/${first.id}`, { status: 'paid' })).toMatchObject({
    status: 'paid',
  });
  const failed = await slow.control('POST', `/stripe/payouts/${second.id}`, { status: 'failed' });
  expect(failed).toMatchObject({ status: 'failed', failure_code: 'could_not_process' });
  expect(await slow.stripe.payouts.cancel(third.id, {}, { stripeAccount: account })).toMatchObject({
    status: 'canceled',
  });
  const balance = await slow.stripe.balance.retrieve({}, { stripeAccount: account });
  expect(balance.available[0]?.amount).toBe(600);
  await expect(slow.control('POST', `/stripe/payouts/${second.id}`, { status: 'paid' })).rejects.toThrow('409');
  await expect(slow.control('POST', `/stripe/payouts/${third.id}`, { status: 'failed' })).rejects.toThrow('409');
  await expect(slow.control('POST', '/stripe/payouts/po_none', { status: 'paid' })).rejects.toThrow('404');
  await slow.close();
});

test('only a pending payout can be canceled', async () => {
  const account = await funded();
  const { id } = await settled((await pay(account)).id, account);
  expect(await errorOf(stripe.payouts.cancel(id, {}, { stripeAccount: account }))).toMatchObject({ statusCode: 400 });
});

test('what cannot be paid out is refused with Stripe’s codes', async () => {
  const account = await funded();
  const fresh = await stripe.accounts.create({ type: 'express' });
  expect(await errorOf(pay(account, 1001))).toMatchObject({ code: 'balance_insufficient' });
  expect(await errorOf(pay(account, -5))).toMatchObject({ code: 'parameter_invalid_integer', param: 'amount' });
  expect(await errorOf(pay(account, 1, { currency: 'eur' }))).toMatchObject({ statusCode: 400 });
  expect(await errorOf(pay(account, 1, { destination: 'ba_none' }))).toMatchObject({ param: 'destination' });
  expect(await errorOf(pay(fresh.id, 1))).toMatchObject({ code: 'payouts_not_allowed' });
});

test('payouts are listed per account, by status and destination', async () => {
  const account = await funded(500);
  const first = await pay(account, 100);
  const second = await pay(account, 100);
  await settled(second.id, account);
  await settled(first.id, account);
  await sandbox.control('POST', `/stripe/payouts/${first.id}`, { status: 'failed' });
  const list = async (params: Stripe.PayoutListParams) =>
    (await stripe.payouts.list(params, { stripeAccount: account })).data.map(({ id }) => id);
  expect(await list({})).toEqual([second.id, first.id]);
  expect(await list({ status: 'failed' })).toEqual([first.id]);
  expect(await list({ destination: first.destination as string })).toHaveLength(2);
  expect(await list({ arrival_date: { gte: second.arrival_date } })).toContain(second.id);
  expect(await list({ arrival_date: { gt: second.arrival_date } })).toEqual([]);
  expect((await stripe.payouts.list()).data).toEqual([]);
});

test('metadata changes and expansion work on payouts', async () => {
  const account = await funded();
  const { id } = await pay(account);
  await stripe.payouts.update(id, { metadata: { order: '9' } }, { stripeAccount: account });
  const payout = await stripe.payouts.retrieve(
    id,
    { expand: ['destination', 'balance_transaction'] },
    { stripeAccount: account },
  );
  expect(payout).toMatchObject({
    metadata: { order: '9' },
    destination: { object: 'bank_account', last4: '6789' },
    balance_transaction: { amount: -1000 },
  });
});

test('the platform pays out too', async () => {
  const payout = await stripe.payouts.create({ amount: 5000, currency: 'eur' });
  const paid = await eventually(async () => {
    const found = await stripe.payouts.retrieve(payout.id);
    return found.status === 'paid' ? found : undefined;
  });
  expect(paid.currency).toBe('eur');
});
