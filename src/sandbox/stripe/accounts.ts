/** /v1/accounts, /v1/account */
import type Stripe from 'stripe';
import { newId } from '../ids.ts';
import { accountOf, changeAccount } from './account-changes.ts';
import { readAccount, readBusinessProfile, readCapabilities, readPayoutSettings } from './account-params.ts';
import { viewAccount } from './account-view.ts';
import { attachBank, readBankDetails, replaceBank } from './banks.ts';
import type { Box } from './box.ts';
import { StripeFailure } from './errors.ts';
import { listOf, pageOf } from './lists.ts';
import { PLATFORM_ACCOUNT, nowSeconds, type AccountRecord, type Call, type Endpoint } from './state.ts';

export function accountEndpoints(box: Box): Endpoint[] {
  return [
    { method: 'POST', path: '/v1/accounts', run: (call) => create(box, call) },
    { method: 'GET', path: '/v1/accounts', run: (call) => list(box, call) },
    { method: 'GET', path: '/v1/account', run: (call) => retrieve(box, call, call.account || PLATFORM_ACCOUNT) },
    { method: 'GET', path: '/v1/accounts/:id', run: (call) => retrieve(box, call, call.path.id!) },
    { method: 'POST', path: '/v1/accounts/:id', run: (call) => update(box, call) },
    { method: 'DELETE', path: '/v1/accounts/:id', run: (call) => remove(box, call) },
  ];
}

function create(box: Box, call: Call): Stripe.Account {
  const { params } = call;
  const facts = readAccount(params);
  const details = readBankDetails(params, facts.country, facts.defaultCurrency);
  params.end();
  const record: AccountRecord = {
    id: newId('acct_', 16),
    created: nowSeconds(),
    ...facts,
    submitted: false,
    restricted: false,
    gone: false,
  };
  box.state.accounts.insert(record);
  if (details) attachBank(box, record.id, details, true);
  call.effect = { type: 'account', id: record.id, amount: 0, currency: null };
  return viewAccount(box.state, record);
}

function list(box: Box, { params }: Call): object {
  const page = pageOf(params);
  params.end();
  return listOf(page, {
    url: '/v1/accounts',
    noun: 'account',
    rows: box.state.accounts.all(),
    find: (id) => box.state.accounts.row(id),
    keep: (record) => !record.gone,
    view: (record) => viewAccount(box.state, record),
  });
}

function retrieve(box: Box, { params }: Call, id: string): Stripe.Account {
  params.end();
  if (id !== PLATFORM_ACCOUNT) return viewAccount(box.state, accountOf(box, id));
  return { ...viewAccount(box.state, PLATFORM), payouts_enabled: true };
}

function update(box: Box, { path, params, request }: Call): Stripe.Account {
  const before = accountOf(box, path.id!);
  const after: AccountRecord = {
    ...before,
    email: params.text('email') ?? before.email,
    metadata: params.metadata(before.metadata),
    businessType: params.text('business_type') ?? before.businessType,
    businessProfile: readBusinessProfile(params, before.businessProfile),
    defaultCurrency: params.currency('default_currency') ?? before.defaultCurrency,
    requested: readCapabilities(params, before.requested),
    payouts: readPayoutSettings(params, before.payouts),
  };
  params.ignore('individual', 'company', 'documents', 'tos_acceptance', 'account_token', 'groups');
  const details = readBankDetails(params, after.country, after.defaultCurrency);
  params.end();
  const change = () => {
    if (details) replaceBank(box, before.id, details);
    return viewAccount(box.state, box.state.accounts.replace(after));
  };
  return changeAccount(box, before.id, change, request);
}

function remove(box: Box, { path, params }: Call): Stripe.DeletedAccount {
  const record = accountOf(box, path.id!);
  params.end();
  if (box.book.balance(record.id).available.some(({ amount }) => amount !== 0)) {
    throw new StripeFailure('This account has a balance, and only accounts without one can be deleted.');
  }
  box.state.accounts.replace({ ...record, gone: true });
  return { id: record.id, object: 'account', deleted: true };
}

/** The platform itself: complete, and never in the account list. */
const PLATFORM: AccountRecord = {
  id: PLATFORM_ACCOUNT,
  created: 1_577_836_800,
  type: 'standard',
  country: 'US',
  email: 'platform@example.com',
  defaultCurrency: 'usd',
  businessType: 'company',
  businessProfile: { name: 'Sandbox platform', url: null, mcc: null, product_description: null },
  controller: { type: 'account' },
  metadata: {},
  requested: { card_payments: 1_577_836_800, transfers: 1_577_836_800 },
  payouts: {
    debit_negative_balances: true,
    schedule: { delay_days: 2, interval: 'manual' },
    statement_descriptor: null,
  },
  serviceAgreement: 'full',
  submitted: true,
  restricted: false,
  gone: false,
};
