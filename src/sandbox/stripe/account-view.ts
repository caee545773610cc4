/** What Stripe shows of a connected account, derived from the few facts that the sandbox keeps. */
import type Stripe from 'stripe';
import type { AccountRecord, BankRecord, StripeState } from './state.ts';

const ONBOARDING_FIELDS = [
  'business_profile.product_description',
  'business_type',
  'external_account',
  'individual.dob.day',
  'individual.first_name',
  'individual.last_name',
  'tos_acceptance.date',
  'tos_acceptance.ip',
];

const RESTRICTION_FIELDS = ['individual.verification.document'];

/** The account's banks, oldest first. */
export function banksOf(state: StripeState, account: string): BankRecord[] {
  const banks = state.banks.by('account', account).map((row) => row.value);
  return banks.filter((bank) => !bank.removed);
}

/** What the account must provide before it may be paid out. */
function fieldsDue(state: StripeState, record: AccountRecord): string[] {
  if (!record.submitted) return ONBOARDING_FIELDS;
  const usable = banksOf(state, record.id).some(({ bank }) => bank.status !== 'errored');
  return [...(record.restricted ? RESTRICTION_FIELDS : []), ...(usable ? [] : ['external_account'])];
}

function requirementsOf(due: string[]): Stripe.Account.Requirements {
  return {
    alternatives: [],
    current_deadline: null,
    currently_due: due,
    disabled_reason: due.length > 0 ? 'requirements.past_due' : null,
    errors: [],
    eventually_due: due,
    past_due: due,
    pending_verification: [],
  };
}

export function capabilityStatus(record: AccountRecord): 'active' | 'inactive' {
  return record.submitted && !record.restricted ? 'active' : 'inactive';
}

export function viewCapability(record: AccountRecord, id: string): Stripe.Capability {
  const requestedAt = record.requested[id];
  const status = requestedAt === undefined ? 'unrequested' : capabilityStatus(record);
  const due = status !== 'inactive' ? [] : record.submitted ? RESTRICTION_FIELDS : ONBOARDING_FIELDS;
  return {
    id,
    object: 'capability',
    account: record.id,
    requested: requestedAt !== undefined,
    requested_at: requestedAt ?? null,
    requirements: {
      alternatives: [],
      current_deadline: null,
      currently_due: due,
      disabled_reason: due.length > 0 ? 'requirements.fields_needed' : null,
      errors: [],
      eventually_due: due,
      past_due: due,
      pending_verification: [],
    },
    status,
  };
}

export function externalAccountsOf(state: StripeState, account: string): Stripe.ApiList<Stripe.ExternalAccount> {
  const data = banksOf(state, account).map(({ bank }) => bank);
  return { object: 'list', data, has_more: false, url: `/v1/accounts/${account}/external_accounts` };
}

export function viewAccount(state: StripeState, record: AccountRecord): Stripe.Account {
  const due = fieldsDue(state, record);
  const status = capabilityStatus(record);
  return {
    id: record.id,
    object: 'account',
    business_profile: {
      ...record.businessProfile,
      minority_owned_business_designation: null,
      specified_commercial_transactions_act_url: null,
      support_address: null,
      support_email: null,
      support_phone: null,
      support_url: null,
    },
    business_type: record.businessType,
    capabilities: Object.fromEntries(Object.keys(record.requested).map((id) => [id, status])),
    charges_enabled: status === 'active',
    controller: record.controller,
    country: record.country,
    created: record.created,
    default_currency: record.defaultCurrency,
    details_submitted: record.submitted,
    email: record.email,
    external_accounts: externalAccountsOf(state, record.id),
    future_requirements: requirementsOf([]),
    metadata: record.metadata,
    payouts_enabled: due.length === 0,
    requirements: requirementsOf(due),
    settings: settingsOf(record.payouts),
    tos_acceptance: { date: record.submitted ? record.created : null, service_agreement: record.serviceAgreement },
    type: record.type,
  };
}

export function settingsOf(payouts: Stripe.Account.Settings.Payouts): Stripe.Account.Settings {
  return {
    branding: { icon: null, logo: null, primary_color: null, secondary_color: null },
    card_payments: {
      decline_on: { avs_failure: false, cvc_failure: false },
      statement_descriptor_prefix: null,
      statement_descriptor_prefix_kana: null,
      statement_descriptor_prefix_kanji: null,
    },
    dashboard: { display_name: null, timezone: 'Etc/UTC' },
    payments: {
      statement_descriptor: null,
      statement_descriptor_kana: null,
      statement_descriptor_kanji: null,
      statement_descriptor_prefix_kana: null,
      statement_descriptor_prefix_kanji: null,
    },
    payouts,
    sepa_debit_payments: {},
  };
}
