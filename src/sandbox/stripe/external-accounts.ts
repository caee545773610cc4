/** /v1/accounts/:account/external_accounts */
import type Stripe from 'stripe';
import { accountOf, changeAccount } from './account-changes.ts';
import { banksOf } from './account-view.ts';
import { attachBank, changeBank, preferBank, readBankDetails, removeBank } from './banks.ts';
import type { Box } from './box.ts';
import { StripeFailure, missing, refusal } from './errors.ts';
import { listOf, pageOf } from './lists.ts';
import type { BankRecord, Call, Endpoint } from './state.ts';

const COLLECTION = '/v1/accounts/:account/external_accounts';

export function externalAccountEndpoints(box: Box): Endpoint[] {
  return [
    { method: 'GET', path: COLLECTION, run: (call) => list(box, call) },
    { method: 'POST', path: COLLECTION, run: (call) => create(box, call) },
    {
      method: 'GET',
      path: `${COLLECTION}/:id`,
      run: (call) => {
        call.params.end();
        return find(box, call).bank;
      },
    },
    { method: 'POST', path: `${COLLECTION}/:id`, run: (call) => update(box, call) },
    { method: 'DELETE', path: `${COLLECTION}/:id`, run: (call) => remove(box, call) },
  ];
}

function find(box: Box, { path }: Call): BankRecord {
  const account = accountOf(box, path.account!);
  const record = box.state.banks.get(path.id!, account.id);
  if (!record || record.removed) throw missing('external account', path.id!, 'id');
  return record;
}

function list(box: Box, { path, params }: Call): object {
  const account = accountOf(box, path.account!).id;
  const page = pageOf(params);
  const kind = params.oneOf('object', ['bank_account', 'card']);
  params.end();
  return listOf(page, {
    url: `/v1/accounts/${account}/external_accounts`,
    noun: 'external account',
    rows: box.state.banks.by('account', account),
    find: (id) => box.state.banks.row(id),
    keep: (record: BankRecord & { created?: number }) => !record.removed && kind !== 'card',
    view: ({ bank }) => bank,
  });
}

function create(box: Box, call: Call): Stripe.BankAccount {
  const { path, params, request } = call;
  const account = accountOf(box, path.account!);
  const details = readBankDetails(params, account.country, account.defaultCurrency);
  const preferred = params.flag('default_for_currency') ?? false;
  const metadata = params.metadata();
  params.end();
  if (!details) throw refusal('Missing required param: external_account.', 'external_account', 'parameter_missing');
  const attach = () => attachBank(box, account.id, { ...details, metadata }, preferred);
  const bank = changeAccount(box, account.id, attach, request);
  call.effect = { type: 'external_account', id: bank.id, amount: 0, currency: bank.currency };
  return bank;
}

/** An update enables an errored bank account again, even one without any change. */
function update(box: Box, call: Call): Stripe.BankAccount {
  const { params, request } = call;
  const record = find(box, call);
  const preferred = params.flag('default_for_currency');
  const metadata = params.metadata(record.bank.metadata ?? {});
  const holder = params.text('account_holder_name') ?? record.bank.account_holder_name;
  params.end();
  const { account } = record;
  const change = () => {
    if (preferred === true) preferBank(box, account, record);
    const isDefault = preferred === true || record.bank.default_for_currency === true;
    const shown = { status: 'new', metadata, account_holder_name: holder, default_for_currency: isDefault };
    return changeBank(box, record, shown);
  };
  return changeAccount(box, account, change, request);
}

function remove(box: Box, call: Call): Stripe.DeletedBankAccount {
  const record = find(box, call);
  call.params.end();
  const { account } = record;
  const others = banksOf(box.state, account).filter(
    ({ id, bank }) => id !== record.id && bank.currency === record.bank.currency,
  );
  if (record.bank.default_for_currency === true && others.length > 0) {
    throw new StripeFailure('You cannot delete the default external account of a currency that has others.');
  }
  return changeAccount(box, account, () => removeBank(box, record), call.request);
}
