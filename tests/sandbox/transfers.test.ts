import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type Stripe from 'stripe';
import { errorOf, openSandbox, stripeClient, type TestSandbox } from './support.ts';

let sandbox: TestSandbox;
let stripe: Stripe;
let payee: string;
beforeAll(async () => {
  sandbox = await openSandbox({ platformBalance: 1_000_000 });
  ({ stripe } = sandbox);
  payee = await sandbox.payee();
});
afterAll(() => sandbox.close());

async function available(account?: string, currency = 'usd'): Promise<number> {
  const balance = await stripe.balance.retrieve({}, account === undefined ? {} : { stripeAccount: account });
  return balance.available.find((entry) => entry.currency === currency)?.amount ?? 0;
}

test('a transfer moves money from the platform to the account and is booked on both sides', async () => {
  const before = { platform: await available(), payee: await available(payee) };
  const transfer = await stripe.transfers.create({
    amount: 2500,
    currency: 'usd',
    destination: payee,
    description: 'June',
    transfer_group: 'payout_1',
    metadata: { payout: '1' },
  });
  expect(transfer).toMatchObject({
    object: 'transfer',
    amount: 2500,
    amount_reversed: 0,
    currency: 'usd',
    destination: payee,
    livemode: false,
    metadata: { payout: '1' },
    reversed: false,
    transfer_group: 'payout_1',
  });
  expect(await available()).toBe(before.platform - 2500);
  expect(await available(payee)).toBe(before.payee + 2500);
  const out = await stripe.balanceTransactions.retrieve(transfer.balance_transaction as string);
  expect(out).toMatchObject({
    amount: -2500,
    net: -2500,
    fee: 0,
    type: 'transfer',
    source: transfer.id,
    status: 'available',
  });
  const into = await stripe.balanceTransactions.list(
    { source: transfer.destination_payment as string },
    { stripeAccount: payee },
  );
  expect(into.data).toMatchObject([{ amount: 2500, type: 'payment' }]);
  expect(await errorOf(stripe.balanceTransactions.retrieve(out.id, {}, { stripeAccount: payee }))).toMatchObject({
    statusCode: 404,
    code: 'resource_missing',
  });
  expect(await stripe.transfers.retrieve(transfer.id)).toEqual(transfer);
});

test('expand inflates the ids along a path', async () => {
  const { id } = await stripe.transfers.create({
    amount: 100,
    currency: 'usd',
    destination: payee,
    transfer_group: 'expand',
  });
  const transfer = await stripe.transfers.retrieve(id, { expand: ['balance_transaction', 'destination'] });
  expect(transfer).toMatchObject({
    balance_transaction: { amount: -100 },
    destination: { object: 'account', id: payee },
  });
  const list = await stripe.transfers.list({
    transfer_group: 'expand',
    expand: ['data.destination_payment.balance_transaction'],
  });
  expect(list.data[0]?.destination_payment).toMatchObject({ object: 'charge', balance_transaction: { amount: 100 } });
  const refused = stripe.transfers.retrieve(id, { expand: ['favourite_colour'] });
  expect(await errorOf(refused)).toMatchObject({ statusCode: 400, param: 'expand' });
});

test('metadata and description can be changed later', async () => {
  const { id } = await stripe.transfers.create({
    amount: 100,
    currency: 'usd',
    destination: payee,
    metadata: { a: '1' },
  });
  const updated = await stripe.transfers.update(id, { metadata: { a: '', b: '2' }, description: 'later' });
  expect(updated).toMatchObject({ metadata: { b: '2' }, description: 'later' });
  const events = await stripe.events.list({ type: 'transfer.updated', limit: 1 });
  expect(events.data[0]?.data.previous_attributes).toMatchObject({ metadata: { a: '1' } });
});

test('transfers are listed by group and destination', async () => {
  const other = await sandbox.payee();
  const make = (destination: string) =>
    stripe.transfers.create({ amount: 10, currency: 'usd', destination, transfer_group: 'shared' });
  const first = await make(payee);
  const second = await make(other);
  const ids = async (params: Stripe.TransferListParams) =>
    (await stripe.transfers.list(params)).data.map(({ id }) => id);
  expect(await ids({ transfer_group: 'shared' })).toEqual([second.id, first.id]);
  expect(await ids({ transfer_group: 'shared', destination: payee })).toEqual([first.id]);
  expect(await ids({ destination: other })).toEqual([second.id]);
  expect(await ids({ transfer_group: 'nobody' })).toEqual([]);
  expect(await ids({ destination: other, created: { gte: second.created } })).toEqual([second.id]);
  expect(await ids({ destination: other, created: { gt: second.created } })).toEqual([]);
  expect(await ids({ destination: other, created: second.created })).toEqual([second.id]);
});

test('pages lead through everything once, in both directions', async () => {
  const ids: string[] = [];
  for (let count = 0; count < 7; count += 1) {
    const made = await stripe.transfers.create({
      amount: 1,
      currency: 'usd',
      destination: payee,
      transfer_group: 'pages',
    });
    ids.unshift(made.id);
  }
  const walked: string[] = [];
  for await (const transfer of stripe.transfers.list({ transfer_group: 'pages', limit: 3 })) walked.push(transfer.id);
  expect(walked).toEqual(ids);
  const back = await stripe.transfers.list({ transfer_group: 'pages', limit: 2, ending_before: ids[4]! });
  expect(back.data.map(({ id }) => id)).toEqual(ids.slice(2, 4));
  expect(back.has_more).toBe(true);
  const top = await stripe.transfers.list({ transfer_group: 'pages', limit: 2, ending_before: ids[2]! });
  expect(top).toMatchObject({ object: 'list', url: '/v1/transfers', has_more: false });
  for (const [params, param] of [
    [{ starting_after: 'tr_none' }, 'starting_after'],
    [{ limit: 101 }, 'limit'],
    [{ starting_after: ids[0]!, ending_before: ids[1]! }, 'ending_before'],
  ] as const) {
    expect(await errorOf(stripe.transfers.list(params))).toMatchObject({ statusCode: 400, param });
  }
});

test('reversals bring money back in parts, never more than there was', async () => {
  const transfer = await stripe.transfers.create({ amount: 1000, currency: 'usd', destination: payee });
  const before = await available();
  const part = await stripe.transfers.createReversal(transfer.id, { amount: 400, metadata: { why: 'clawback' } });
  expect(part).toMatchObject({
    object: 'transfer_reversal',
    amount: 400,
    transfer: transfer.id,
    metadata: { why: 'clawback' },
  });
  expect(await available()).toBe(before + 400);
  expect(await stripe.transfers.retrieve(transfer.id)).toMatchObject({ amount_reversed: 400, reversed: false });
  expect(await errorOf(stripe.transfers.createReversal(transfer.id, { amount: 601 }))).toMatchObject({
    param: 'amount',
  });
  const rest = await stripe.transfers.createReversal(transfer.id);
  expect(rest.amount).toBe(600);
  const reversed = await stripe.transfers.retrieve(transfer.id);
  expect(reversed).toMatchObject({ amount_reversed: 1000, reversed: true });
  expect(reversed.reversals.data.map(({ id }) => id)).toEqual([rest.id, part.id]);
  expect((await errorOf(stripe.transfers.createReversal(transfer.id))).message).toContain('already fully reversed');
  expect((await stripe.transfers.listReversals(transfer.id)).data).toHaveLength(2);
  expect(await stripe.transfers.retrieveReversal(transfer.id, part.id)).toEqual(part);
  const noted = await stripe.transfers.updateReversal(transfer.id, part.id, { metadata: { noted: 'yes' } });
  expect(noted.metadata).toEqual({ why: 'clawback', noted: 'yes' });
});

test('a reversal needs the money still to be there', async () => {
  const account = await sandbox.payee();
  const transfer = await stripe.transfers.create({ amount: 500, currency: 'usd', destination: account });
  await stripe.payouts.create({ amount: 500, currency: 'usd' }, { stripeAccount: account });
  expect(await errorOf(stripe.transfers.createReversal(transfer.id))).toMatchObject({ code: 'balance_insufficient' });
});

test('what cannot be transferred is refused with Stripe’s codes', async () => {
  const fresh = await stripe.accounts.create({ type: 'express', capabilities: { transfers: { requested: true } } });
  const good = { amount: 100, currency: 'usd', destination: payee };
  const cases: [Stripe.TransferCreateParams, object][] = [
    [
      { ...good, amount: 100_000_000 },
      { statusCode: 400, code: 'balance_insufficient', type: 'StripeInvalidRequestError' },
    ],
    [{ ...good, destination: fresh.id }, { code: 'insufficient_capabilities_for_transfer' }],
    [
      { ...good, destination: 'acct_none' },
      { code: 'resource_missing', param: 'destination' },
    ],
    [
      { ...good, amount: 0 },
      { code: 'parameter_invalid_integer', param: 'amount' },
    ],
    [
      { ...good, amount: 1.5 },
      { code: 'parameter_invalid_integer', param: 'amount' },
    ],
    [{ ...good, currency: 'zzz' }, { param: 'currency' }],
    [
      { currency: 'usd', destination: payee },
      { code: 'parameter_missing', param: 'amount' },
    ],
    [
      { ...good, transfer_group: '' },
      { code: 'parameter_invalid_empty', param: 'transfer_group' },
    ],
    [{ ...good, metadata: { long: 'x'.repeat(501) } }, { param: 'metadata[long]' }],
  ];
  for (const [params, expected] of cases)
    expect(await errorOf(stripe.transfers.create(params))).toMatchObject(expected);
});

test('errors carry a request id and a place to read more', async () => {
  const error = await errorOf(stripe.transfers.retrieve('tr_none'));
  expect(error.requestId).toMatch(/^req_/);
  expect(error.raw).toMatchObject({
    type: 'invalid_request_error',
    code: 'resource_missing',
    message: "No such transfer: 'tr_none'",
    param: 'transfer',
    doc_url: 'https://docs.stripe.com/error-codes#resource-missing',
  });
  const gone = await fetch(`${sandbox.url}/v1/unicorns`, { headers: { authorization: 'Bearer sk_test_x' } });
  expect(gone.status).toBe(404);
  expect(await gone.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
});

test('only test keys are taken', async () => {
  for (const key of ['sk_live_abc', 'pk_test_abc']) {
    const client = stripeClient(sandbox.url, {});
    const error = await errorOf(client.balance.retrieve({}, { apiKey: key }));
    expect(error).toMatchObject({ statusCode: 401, type: 'StripeAuthenticationError' });
  }
  expect((await fetch(`${sandbox.url}/v1/balance`)).status).toBe(401);
});

test('a top-up adds to the platform, and one from a failing test bank does not', async () => {
  const before = await available(undefined, 'eur');
  const topup = await stripe.topups.create({ amount: 7000, currency: 'eur', metadata: { batch: '1' } });
  expect(topup).toMatchObject({ object: 'topup', status: 'succeeded', amount: 7000 });
  expect(await available(undefined, 'eur')).toBe(before + 7000);
  const params = { amount: 7000, currency: 'eur', source: 'btok_us_verified_insufficientFunds' };
  expect(await stripe.topups.create(params)).toMatchObject({ status: 'failed', failure_code: 'insufficient_funds' });
  expect(await available(undefined, 'eur')).toBe(before + 7000);
  expect(await stripe.topups.retrieve(topup.id)).toEqual(topup);
  expect((await stripe.topups.list({ status: 'succeeded' })).data).toEqual([topup]);
  const events = await stripe.events.list({
    types: ['topup.succeeded', 'topup.failed', 'balance.available'],
    limit: 3,
  });
  expect(events.data.map(({ type }) => type)).toEqual(['topup.failed', 'balance.available', 'topup.succeeded']);
});

test('balance transactions can be filtered, but not by a manual payout', async () => {
  const account = await sandbox.payee();
  await stripe.transfers.create({ amount: 300, currency: 'usd', destination: account });
  const payout = await stripe.payouts.create({ amount: 300, currency: 'usd' }, { stripeAccount: account });
  const list = (params: Stripe.BalanceTransactionListParams) =>
    stripe.balanceTransactions.list(params, { stripeAccount: account });
  expect((await list({})).data.map(({ type }) => type)).toEqual(['payout', 'payment']);
  expect((await list({ type: 'payout' })).data).toMatchObject([{ source: payout.id, amount: -300 }]);
  expect((await list({ source: payout.id })).data).toHaveLength(1);
  expect((await list({ currency: 'eur' })).data).toEqual([]);
  expect((await errorOf(list({ payout: payout.id }))).message).toContain('automatic transfers');
  expect(await errorOf(list({ payout: 'po_none' }))).toMatchObject({ code: 'resource_missing' });
});
