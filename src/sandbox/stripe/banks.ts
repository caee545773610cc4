/** Bank accounts of connected accounts, and how Stripe's published test numbers make payouts to them end. */
import { createHash } from 'node:crypto';
import type Stripe from 'stripe';
import { newId } from '../ids.ts';
import { differences } from './account-changes.ts';
import { banksOf } from './account-view.ts';
import type { Box } from './box.ts';
import { refusal } from './errors.ts';
import type { Params } from './params.ts';
import type { BankRecord } from './state.ts';

export const GOOD_NUMBER = '000123456789';

/** Payout failures and what Stripe says of them (docs.stripe.com/api/payouts/failures). */
export const PAYOUT_FAILURES = {
  account_closed: 'The bank account has been closed.',
  account_frozen: 'The bank account has been frozen.',
  bank_account_restricted: 'The bank account has restrictions on either the type or the number of payouts allowed.',
  bank_ownership_changed: 'The destination bank account is no longer valid because its branch has changed ownership.',
  could_not_process: 'The bank could not process this payout.',
  debit_not_authorized: 'Debit transactions are not approved on the bank account.',
  declined: 'The bank has declined this payout.',
  incorrect_account_holder_address: 'The bank account holder address on file is incorrect.',
  incorrect_account_holder_name: 'The bank account holder name on file is incorrect.',
  incorrect_account_holder_tax_id: 'The bank account holder tax ID on file is incorrect.',
  insufficient_funds: 'The Stripe account has insufficient funds to cover the payout.',
  invalid_account_number: 'The routing number seems correct, but the account number is invalid.',
  invalid_currency: 'The bank could not process this payout because of its currency.',
  no_account: 'No bank account could be located with these details.',
  unsupported_card: 'The bank no longer supports payouts to this card.',
} as const;

export type PayoutFailure = keyof typeof PAYOUT_FAILURES;

/** Numbers without their leading zeros; they are the same in every country but the United Kingdom, where they are shorter. */
const FAILING_NUMBERS: Record<string, PayoutFailure> = {
  '111111116': 'no_account',
  '111111113': 'account_closed',
  '222222227': 'insufficient_funds',
  '333333335': 'debit_not_authorized',
  '444444440': 'invalid_currency',
  '11111116': 'no_account',
  '11111113': 'account_closed',
  '22222227': 'insufficient_funds',
  '33333335': 'debit_not_authorized',
  '44444440': 'invalid_currency',
};

const FAILING_IBANS: Record<string, PayoutFailure> = {
  '0532013001': 'no_account',
  '0532013002': 'account_closed',
  '0532013003': 'insufficient_funds',
  '0532013004': 'debit_not_authorized',
  '0532013005': 'invalid_currency',
};

/** Stripe's test bank tokens as the numbers they stand for. */
const TOKENS: Record<string, string> = {
  btok_us_verified: GOOD_NUMBER,
  btok_us_verified_noAccount: '000111111116',
  btok_us_verified_accountClosed: '000111111113',
  btok_us_verified_insufficientFunds: '000222222227',
  btok_us_verified_debitNotAuthorized: '000333333335',
  btok_us_verified_invalidCurrency: '000444444440',
};

/** Why payouts to this number fail; undefined: they are paid. */
export function failureOf(number: string): PayoutFailure | undefined {
  const compact = number.replaceAll(/[^0-9A-Za-z]/g, '');
  if (/^[A-Za-z]{2}/.test(compact)) return FAILING_IBANS[compact.slice(-10)];
  return FAILING_NUMBERS[compact.replace(/^0+/, '')];
}

export function numberOfToken(token: string): string | undefined {
  return TOKENS[token];
}

export interface BankDetails {
  number: string;
  country: string;
  currency: string;
  routing?: string | undefined;
  holder?: string | undefined;
  holderType?: string | undefined;
  metadata?: Record<string, string>;
}

/** An `external_account` parameter: a test token or a bank account's details. @throws StripeFailure */
export function readBankDetails(params: Params, country: string, currency: string): BankDetails | undefined {
  if (!params.has('external_account')) return undefined;
  if (!params.isText('external_account')) {
    const hash = params.hash('external_account')!;
    hash.oneOf('object', ['bank_account']);
    return {
      number: hash.required('account_number'),
      country: hash.text('country') ?? country,
      currency: hash.currency() ?? currency,
      routing: hash.text('routing_number'),
      holder: hash.text('account_holder_name'),
      holderType: hash.oneOf('account_holder_type', ['individual', 'company']),
    };
  }
  const token = params.required('external_account');
  const number = numberOfToken(token);
  if (number === undefined) throw refusal(`No such token: '${token}'`, 'external_account', 'resource_missing');
  return { number, country: 'US', currency: 'usd', routing: '110000000' };
}

/** Adds a bank account; the first of its currency, or a `preferred` one, is where payouts go. */
export function attachBank(box: Box, account: string, details: BankDetails, preferred: boolean): Stripe.BankAccount {
  const siblings = banksOf(box.state, account).filter(({ bank }) => bank.currency === details.currency);
  const first = siblings.every(({ bank }) => bank.default_for_currency !== true);
  const bank: Stripe.BankAccount = {
    id: newId('ba_'),
    object: 'bank_account',
    account,
    account_holder_name: details.holder ?? null,
    account_holder_type: details.holderType ?? null,
    account_type: null,
    available_payout_methods: ['standard'],
    bank_name: 'STRIPE TEST BANK',
    country: details.country,
    currency: details.currency,
    default_for_currency: first || preferred,
    fingerprint: createHash('sha256').update(details.number).digest('base64url').slice(0, 16),
    future_requirements: { currently_due: [], errors: [], past_due: [], pending_verification: [] },
    last4: details.number.slice(-4),
    metadata: details.metadata ?? {},
    requirements: { currently_due: [], errors: [], past_due: [], pending_verification: [] },
    routing_number: details.routing ?? '110000000',
    status: 'new',
  };
  if (preferred) demote(box, siblings);
  box.state.banks.insert({ id: bank.id, account, number: details.number, removed: false, bank }, account);
  box.feed.emit({ type: 'account.external_account.created', account, object: bank });
  return bank;
}

/** Changes what Stripe shows of a bank account and says so. */
export function changeBank(box: Box, record: BankRecord, change: Partial<Stripe.BankAccount>): Stripe.BankAccount {
  const bank = { ...record.bank, ...change };
  const previous = differences(record.bank, bank);
  box.state.banks.replace({ ...record, bank });
  const { account } = record;
  box.feed.emit({ type: 'account.external_account.updated', account, object: bank, previous });
  return bank;
}

export function removeBank(box: Box, record: BankRecord): Stripe.DeletedBankAccount {
  box.state.banks.replace({ ...record, removed: true });
  const { account } = record;
  box.feed.emit({ type: 'account.external_account.deleted', account, object: record.bank });
  return { id: record.id, object: 'bank_account', currency: record.bank.currency, deleted: true };
}

/** Puts a new bank account in the place of the account's others in that currency. */
export function replaceBank(box: Box, account: string, details: BankDetails): Stripe.BankAccount {
  for (const record of banksOf(box.state, account)) {
    if (record.bank.currency === details.currency) removeBank(box, record);
  }
  return attachBank(box, account, details, true);
}

/** Leaves the account with a bank account that works: a new one where it has none, the present ones enabled again. */
export function repairBanks(box: Box, account: string, country: string, currency: string): void {
  const banks = banksOf(box.state, account);
  if (banks.length === 0) attachBank(box, account, { number: GOOD_NUMBER, country, currency }, true);
  for (const record of banks) if (record.bank.status === 'errored') changeBank(box, record, { status: 'new' });
}

/** Where payouts in a currency go unless told otherwise. */
export function defaultBank(box: Box, account: string, currency: string): BankRecord | undefined {
  return banksOf(box.state, account).find(
    ({ bank }) => bank.currency === currency && bank.default_for_currency === true,
  );
}

/** Makes one bank account the default of its currency. */
export function preferBank(box: Box, account: string, record: BankRecord): void {
  const siblings = banksOf(box.state, account).filter(
    ({ id, bank }) => id !== record.id && bank.currency === record.bank.currency,
  );
  demote(box, siblings);
}

function demote(box: Box, siblings: BankRecord[]): void {
  for (const record of siblings) {
    if (record.bank.default_for_currency === true) changeBank(box, record, { default_for_currency: false });
  }
}
