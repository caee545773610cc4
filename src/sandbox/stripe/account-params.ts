/** The parameters of accounts. */
import type Stripe from 'stripe';
import { currencyOf } from './currencies.ts';
import { refusal } from './errors.ts';
import type { Params } from './params.ts';
import { nowSeconds, type AccountRecord } from './state.ts';

type Facts = Omit<AccountRecord, 'id' | 'created' | 'submitted' | 'restricted' | 'gone'>;
type BusinessProfile = AccountRecord['businessProfile'];

const INTERVALS = ['manual', 'daily', 'weekly', 'monthly'] as const;

/** What POST /v1/accounts says of a new account. The caller reads `external_account` and ends the parameters. */
export function readAccount(params: Params): Facts {
  const country = params.text('country')?.toUpperCase() ?? 'US';
  if (!/^[A-Z]{2}$/.test(country)) {
    throw refusal(
      `Country '${country}' is unknown. Try using a 2-character alphanumeric code.`,
      'country',
      'country_unsupported',
    );
  }
  const { type, controller } = readType(params);
  const terms = params.hash('tos_acceptance');
  const serviceAgreement = terms?.oneOf('service_agreement', ['full', 'recipient']) ?? 'full';
  terms?.ignore('date', 'ip', 'user_agent');
  params.ignore('individual', 'company', 'documents', 'account_token', 'groups');
  return {
    type,
    country,
    email: params.text('email') ?? null,
    defaultCurrency: params.currency('default_currency') ?? currencyOf(country),
    businessType: params.text('business_type') ?? null,
    businessProfile: readBusinessProfile(params, { name: null, url: null, mcc: null, product_description: null }),
    controller,
    metadata: params.metadata(),
    requested: readCapabilities(params, {}),
    payouts: readPayoutSettings(params, {
      debit_negative_balances: true,
      schedule: { delay_days: 2, interval: 'daily' },
      statement_descriptor: null,
    }),
    serviceAgreement,
  };
}

export function readBusinessProfile(params: Params, before: BusinessProfile): BusinessProfile {
  const hash = params.hash('business_profile');
  if (!hash) return before;
  hash.ignore('annual_revenue', 'estimated_worker_count', 'monthly_estimated_revenue', 'support_address');
  hash.ignore('support_email', 'support_phone', 'support_url', 'minority_owned_business_designation');
  return {
    name: hash.text('name') ?? before.name,
    url: hash.text('url') ?? before.url,
    mcc: hash.text('mcc') ?? before.mcc,
    product_description: hash.text('product_description') ?? before.product_description,
  };
}

/** `capabilities[transfers][requested]=true` and the like. */
export function readCapabilities(params: Params, before: Record<string, number>): Record<string, number> {
  const hash = params.hash('capabilities');
  const after = new Map(Object.entries(before));
  for (const name of hash?.names() ?? []) {
    const requested = hash?.hash(name)?.flag('requested') ?? false;
    if (!requested) after.delete(name);
    else if (!after.has(name)) after.set(name, nowSeconds());
  }
  return Object.fromEntries(after);
}

export function readPayoutSettings(
  params: Params,
  before: Stripe.Account.Settings.Payouts,
): Stripe.Account.Settings.Payouts {
  const settings = params.hash('settings');
  settings?.ignore('branding', 'card_issuing', 'card_payments', 'invoices', 'payments', 'treasury');
  const payouts = settings?.hash('payouts');
  const schedule = payouts?.hash('schedule');
  schedule?.ignore('monthly_anchor', 'monthly_payout_days', 'weekly_anchor', 'weekly_payout_days');
  const delay = schedule?.text('delay_days');
  return {
    debit_negative_balances: payouts?.flag('debit_negative_balances') ?? before.debit_negative_balances,
    schedule: {
      delay_days: delay === undefined || delay === 'minimum' ? before.schedule.delay_days : Number(delay),
      interval: schedule?.oneOf('interval', INTERVALS) ?? before.schedule.interval,
    },
    statement_descriptor: payouts?.text('statement_descriptor') ?? before.statement_descriptor,
  };
}

/** By `type` (standard, express, custom) or by `controller`, as Stripe names the same things twice. */
function readType(params: Params): Pick<AccountRecord, 'type' | 'controller'> {
  const type = params.oneOf('type', ['standard', 'express', 'custom']);
  const hash = params.hash('controller');
  if (type !== undefined && hash) {
    throw refusal('You may only specify one of these parameters: type, controller.', 'controller');
  }
  if (!hash) return { type: type ?? 'standard', controller: CONTROLLERS[type ?? 'standard'] };
  const payer = hash.hash('fees')?.oneOf('payer', ['account', 'application']) ?? 'account';
  const losses = hash.hash('losses')?.oneOf('payments', ['stripe', 'application']) ?? 'stripe';
  const collection = hash.oneOf('requirement_collection', ['stripe', 'application']) ?? 'stripe';
  const dashboard = hash.hash('stripe_dashboard')?.oneOf('type', ['full', 'express', 'none']) ?? 'full';
  return { type: 'none', controller: controllerOf(payer, losses, collection, dashboard) };
}

function controllerOf(payer: string, losses: string, collection: string, dashboard: string): Stripe.Account.Controller {
  return {
    fees: { payer },
    is_controller: true,
    losses: { payments: losses },
    requirement_collection: collection,
    stripe_dashboard: { type: dashboard },
    type: 'application',
  };
}

const CONTROLLERS = {
  standard: controllerOf('account', 'stripe', 'stripe', 'full'),
  express: controllerOf('application_express', 'application', 'stripe', 'express'),
  custom: controllerOf('application_custom', 'application', 'application', 'none'),
};
