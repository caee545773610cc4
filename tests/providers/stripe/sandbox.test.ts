import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createStripeProvider, type StripeProvider } from '../../../src/providers/stripe/client.ts';
import { StripeFailure } from '../../../src/providers/stripe/errors.ts';
import type { StripeEvent } from '../../../src/providers/stripe/types.ts';
import { openSandbox, type TestSandbox } from '../../sandbox/support.ts';

let sandbox: TestSandbox;
let stripe: StripeProvider;

beforeAll(async () => {
  sandbox = await openSandbox({ payoutDelayMs: 60_000 });
  stripe = createStripeProvider({ secretKey: 'sk_test_1', apiBase: sandbox.url, rateLimit: 0 });
});
afterEach(() => sandbox.control('DELETE', '/faults'));
afterAll(async () => {
  stripe.close();
  await sandbox.close();
});

const longAgo = new Date(0);
let last = 0;
const nextId = () => `0193e000-0000-7000-8000-${String((last += 1)).padStart(12, '0')}`;

function newAccount(creatorId = nextId()) {
  const idempotencyKey = `creator:${creatorId}:account:1`;
  return { creatorId, email: `${creatorId}@example.com`, country: 'US', idempotencyKey };
}

async function payee(): Promise<string> {
  const { id } = await stripe.createAccount(newAccount());
  await sandbox.control('POST', `/stripe/accounts/${id}/complete`);
  return id;
}

function transferTo(destination: string, payoutId = nextId()) {
  const transferGroup = `payout:${payoutId}:1`;
  const idempotencyKey = `payout:${payoutId}:transfer:1`;
  return {
    payoutId,
    amount: 2500n,
    currency: 'USD',
    destination,
    transferGroup,
    idempotencyKey,
    metadata: { attempt: '1' },
  };
}

async function failureOf(call: Promise<unknown>): Promise<StripeFailure> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof StripeFailure) return error;
  throw new Error('It did not fail as a StripeFailure', { cause: error });
}

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of list) items.push(item);
  return items;
}

test('an account is opened for a creator, completed, read, found by its creator and shown its dashboard', async () => {
  const opening = newAccount();
  const account = await stripe.createAccount(opening);
  expect(account).toMatchObject({
    creatorId: opening.creatorId,
    country: 'US',
    detailsSubmitted: false,
    payoutsEnabled: false,
    transfersEnabled: false,
  });
  expect(account.currentlyDue).toContain('external_account');
  expect((await stripe.createAccount(opening)).id).toBe(account.id);

  const link = { account: account.id, returnUrl: 'http://localhost/back', refreshUrl: 'http://localhost/again' };
  expect(URL.canParse((await stripe.createAccountLink(link)).url)).toBe(true);
  expect((await failureOf(stripe.createLoginLink(account.id))).kind).toBe('refused');

  await sandbox.control('POST', `/stripe/accounts/${account.id}/complete`);
  const completed = await stripe.retrieveAccount(account.id);
  expect(completed).toMatchObject({ detailsSubmitted: true, payoutsEnabled: true, transfersEnabled: true });
  expect(completed.destination).toMatchObject({ currency: 'USD', last4: '6789' });
  expect(URL.canParse((await stripe.createLoginLink(account.id)).url)).toBe(true);

  const { creatorId } = opening;
  expect((await stripe.findAccount({ creatorId, createdAfter: longAgo }))?.id).toBe(account.id);
  expect(await stripe.findAccount({ creatorId: nextId(), createdAfter: longAgo })).toBeUndefined();
});

test('an account is paid by a transfer and a bank payout, and both are found again', async () => {
  const account = await payee();
  const before = await stripe.platformBalance('USD');
  const wanted = transferTo(account);
  const transfer = await stripe.createTransfer(wanted);
  expect(transfer).toMatchObject({ amount: 2500n, currency: 'USD', destination: account, amountReversed: 0n });
  expect((await stripe.createTransfer(wanted)).id).toBe(transfer.id);
  expect(await stripe.retrieveTransfer(transfer.id)).toEqual(transfer);
  expect(await stripe.findTransfers({ transferGroup: wanted.transferGroup })).toEqual([transfer]);
  expect(await stripe.platformBalance('USD')).toBe(before - 2500n);

  const { payoutId } = wanted;
  const payout = await stripe.createBankPayout({
    account,
    payoutId,
    amount: 2500n,
    currency: 'USD',
    idempotencyKey: `payout:${payoutId}:bank_payout:1`,
    metadata: { attempt: '1' },
  });
  expect(payout).toMatchObject({ status: 'pending', amount: 2500n, metadata: { payout_id: payoutId, attempt: '1' } });
  const other = { ...transferTo(account), amount: 100n };
  await stripe.createTransfer(other);
  const otherKey = `payout:${other.payoutId}:bank_payout:1`;
  await stripe.createBankPayout({ ...other, account, idempotencyKey: otherKey });
  const found = await stripe.findBankPayouts({ account, payoutId, createdAfter: longAgo });
  expect(found.map(({ id }) => id)).toEqual([payout.id]);

  await sandbox.control('POST', `/stripe/payouts/${payout.id}`, { status: 'failed', failure_code: 'account_closed' });
  const failed = await stripe.retrieveBankPayout({ account, id: payout.id });
  expect(failed).toMatchObject({ status: 'failed', failureCode: 'account_closed' });
});

test('a transfer is reversed once', async () => {
  const transfer = await stripe.createTransfer(transferTo(await payee()));
  const reversal = { transferId: transfer.id, idempotencyKey: `${transfer.id}:reversal:1`, metadata: { attempt: '1' } };
  const made = await stripe.reverseTransfer(reversal);
  expect(made).toMatchObject({ transferId: transfer.id, amount: 2500n });
  expect((await stripe.reverseTransfer(reversal)).id).toBe(made.id);
  expect(await stripe.retrieveTransfer(transfer.id)).toMatchObject({ reversed: true, amountReversed: 2500n });
});

test('what Stripe refuses says why', async () => {
  const account = await payee();
  const tooMuch = { ...transferTo(account), amount: 10n ** 13n };
  expect((await failureOf(stripe.createTransfer(tooMuch))).kind).toBe('refused');
  const toNobody = transferTo('acct_nobody');
  expect(await failureOf(stripe.createTransfer(toNobody))).toMatchObject({ kind: 'refused', code: 'resource_missing' });
  const gone = await failureOf(stripe.retrieveAccount('acct_nobody'));
  expect(gone).toMatchObject({ kind: 'refused', code: 'account_invalid', httpStatus: 403 });
  const payout = { ...transferTo(account), account, idempotencyKey: 'none there' };
  expect(await failureOf(stripe.createBankPayout(payout))).toMatchObject({
    kind: 'refused',
    code: 'balance_insufficient',
  });
  const first = transferTo(account);
  await stripe.createTransfer(first);
  const reused = await failureOf(stripe.createTransfer({ ...first, amount: 1n }));
  expect(reused).toMatchObject({ kind: 'unknown', code: 'idempotency_error' });
});

test.each([
  ['rate_limited', 'rate_limited', 0],
  ['error_500', 'unknown', 0],
  ['timeout_before', 'unknown', 0],
  ['drop', 'unknown', 0],
  ['timeout_after', 'unknown', 1],
])('the fault %s is seen as %s and leaves %i transfers', async (kind, seen, made) => {
  const wanted = transferTo(await payee());
  await sandbox.control('POST', '/faults', {
    provider: 'stripe',
    path_pattern: '/v1/transfers',
    kind,
    times: 1,
    delay_ms: 100,
  });
  expect((await failureOf(stripe.createTransfer(wanted))).kind).toBe(seen);
  expect(await stripe.findTransfers(wanted)).toHaveLength(made);
  const journal = await sandbox.journal();
  expect(journal.filter((entry) => entry.idempotency_key === wanted.idempotencyKey)).toHaveLength(1);
});

test("a key's first answer, given again, says so", async () => {
  const wanted = transferTo(await payee());
  const fault = { provider: 'stripe', path_pattern: '/v1/transfers', kind: 'error_500', times: 1 };
  await sandbox.control('POST', '/faults', fault);
  expect(await failureOf(stripe.createTransfer(wanted))).toMatchObject({ httpStatus: 500, replayed: false });
  expect(await failureOf(stripe.createTransfer(wanted))).toMatchObject({ httpStatus: 500, replayed: true });
});

test('lists go over all pages', async () => {
  const account = await payee();
  const group = transferTo(account);
  const transfers = Array.from({ length: 205 }, (_, index) => ({
    ...group,
    idempotencyKey: `page:${index}`,
    amount: 1n,
  }));
  const made = await Promise.all(transfers.map((transfer) => stripe.createTransfer(transfer)));
  const found = await stripe.findTransfers(group);
  expect(found.map(({ id }) => id).sort()).toEqual(made.map(({ id }) => id).sort());

  const booked = await all(stripe.listBalanceTransactions({ createdAfter: longAgo, type: 'transfer' }));
  expect(new Set(booked.map(({ id }) => id)).size).toBe(booked.length);
  expect(booked.filter(({ amount }) => amount === -1n)).toHaveLength(205);

  const ours = (event: StripeEvent) => made.some(({ id }) => id === event.objectId);
  const events = await all(stripe.listEvents({ createdAfter: longAgo, types: ['transfer.created'] }));
  expect(events.filter(ours)).toHaveLength(205);
  expect(events.every((event) => event.account === null)).toBe(true);
});

test("a connected account's own events name it", async () => {
  const account = await payee();
  const types = ['account.updated', 'capability.updated'];
  const events = await all(stripe.listEvents({ createdAfter: longAgo, types, account }));
  expect(new Set(events.map(({ type }) => type))).toEqual(new Set(types));
  expect(events.every((event) => event.account === account)).toBe(true);
  expect(await all(stripe.listEvents({ createdAfter: longAgo, types: ['payout.paid'], account }))).toEqual([]);
});

test('at the limit of the sandbox nothing is refused', async () => {
  const limited = await openSandbox({ stripeRateLimit: 25 });
  const paced = createStripeProvider({ secretKey: 'sk_test_1', apiBase: limited.url, rateLimit: 25 });
  try {
    const balances = Array.from({ length: 80 }, () => paced.platformBalance('USD'));
    await expect(Promise.all(balances)).resolves.toHaveLength(80);
    const links = Array.from({ length: 30 }, () => paced.findTransfers({ transferGroup: 'none' }));
    await expect(Promise.all(links)).resolves.toHaveLength(30);
  } finally {
    paced.close();
    await limited.close();
  }
});
