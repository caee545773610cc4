import { expect, test } from '@jest/globals';
import type Stripe from 'stripe';
import { availableIn, toAccount, toBankPayout, toEvent, toTransfer } from '../../../src/providers/stripe/transform.ts';

test('an account without requirements, capabilities or bank reads as one that can do nothing', () => {
  const account = toAccount({
    id: 'acct_1',
    email: null,
    details_submitted: false,
    charges_enabled: false,
    payouts_enabled: false,
  } as unknown as Stripe.Account);
  expect(account).toMatchObject({
    creatorId: null,
    transfersEnabled: false,
    currentlyDue: [],
    pastDue: [],
    disabledReason: null,
    destination: null,
  });
});

test('the payout destination is the default bank account', () => {
  const bank = (id: string, isDefault: boolean) => ({
    id,
    object: 'bank_account',
    bank_name: 'BANK',
    last4: id.slice(-4),
    currency: 'usd',
    fingerprint: `f-${id}`,
    default_for_currency: isDefault,
  });
  const external_accounts = { data: [bank('ba_1111', false), bank('ba_2222', true)] };
  const account = {
    id: 'acct_1',
    external_accounts,
    capabilities: { transfers: 'active' },
  } as unknown as Stripe.Account;
  expect(toAccount(account).destination).toEqual({
    id: 'ba_2222',
    bankName: 'BANK',
    last4: '2222',
    currency: 'USD',
    fingerprint: 'f-ba_2222',
  });
  expect(toAccount(account).transfersEnabled).toBe(true);
});

test('a transfer names others by id whether they are expanded or not', () => {
  const fields = {
    id: 'tr_1',
    amount: 2550,
    amount_reversed: 50,
    currency: 'usd',
    created: 1_700_000_000,
    metadata: {},
  };
  const flat = { ...fields, destination: 'acct_1', balance_transaction: null } as unknown as Stripe.Transfer;
  const expanded = {
    ...fields,
    destination: { id: 'acct_1' },
    balance_transaction: { id: 'txn_1' },
  } as unknown as Stripe.Transfer;
  expect(toTransfer(flat)).toMatchObject({
    amount: 2550n,
    amountReversed: 50n,
    currency: 'USD',
    destination: 'acct_1',
  });
  expect(toTransfer(flat).createdAt).toEqual(new Date('2023-11-14T22:13:20Z'));
  expect(toTransfer(expanded)).toMatchObject({ destination: 'acct_1', balanceTransactionId: 'txn_1' });
});

test('a payout status that is not known yet counts as under way', () => {
  const payout = (status: string) =>
    ({ id: 'po_1', amount: 1, currency: 'jpy', status, metadata: null }) as unknown as Stripe.Payout;
  expect(toBankPayout(payout('paid')).status).toBe('paid');
  expect(toBankPayout(payout('on_its_way')).status).toBe('pending');
});

test('the balance of a currency is the sum of its entries, and none is zero', () => {
  const available = [
    { amount: 100, currency: 'usd' },
    { amount: -30, currency: 'usd' },
    { amount: 5, currency: 'eur' },
  ];
  const balance = { available } as unknown as Stripe.Balance;
  expect(availableIn(balance, 'USD')).toBe(70n);
  expect(availableIn(balance, 'GBP')).toBe(0n);
});

test('an event of an object without an id, such as a balance, has none', () => {
  const event = {
    id: 'evt_1',
    type: 'balance.available',
    created: 0,
    data: { object: { object: 'balance' } },
  } as unknown as Stripe.Event;
  expect(toEvent(event)).toMatchObject({ id: 'evt_1', account: null, objectId: null });
});
