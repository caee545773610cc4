/** /v1/payouts: from a balance to the bank, for the account of the `Stripe-Account` header or the platform. */
import type Stripe from 'stripe';
import { newId } from '../ids.ts';
import { accountOf } from './account-changes.ts';
import { viewAccount } from './account-view.ts';
import { markCanceled, schedulePayout } from './bank-transit.ts';
import { defaultBank } from './banks.ts';
import type { Box } from './box.ts';
import { StripeFailure, insufficientFunds, missing } from './errors.ts';
import { listOf, pageOf } from './lists.ts';
import type { Range } from './params.ts';
import { idOf, nowSeconds, type Call, type Endpoint } from './state.ts';

/** Where the platform's own payouts go: a bank account that takes every currency. */
const PLATFORM_BANK = 'ba_1SandboxPlatformBank';

export function payoutEndpoints(box: Box): Endpoint[] {
  return [
    { method: 'POST', path: '/v1/payouts', run: (call) => create(box, call) },
    { method: 'GET', path: '/v1/payouts', run: (call) => list(box, call) },
    {
      method: 'GET',
      path: '/v1/payouts/:id',
      run: (call) => {
        call.params.end();
        return payoutOf(box, call);
      },
    },
    { method: 'POST', path: '/v1/payouts/:id', run: (call) => update(box, call) },
    { method: 'POST', path: '/v1/payouts/:id/cancel', run: (call) => cancel(box, call) },
  ];
}

function payoutOf(box: Box, { account, path }: Call): Stripe.Payout {
  const payout = box.state.payouts.get(path.id!, account);
  if (!payout) throw missing('payout', path.id!, 'payout');
  return payout;
}

function create(box: Box, call: Call): Stripe.Payout {
  const { account, params, request } = call;
  const amount = params.amount();
  const currency = params.requiredCurrency();
  const description = params.text('description') ?? null;
  const metadata = params.metadata();
  const method = params.oneOf('method', ['standard', 'instant']) ?? 'standard';
  const named = params.text('destination');
  const sourceType = params.oneOf('source_type', ['card', 'bank_account', 'fpx']) ?? 'card';
  const descriptor = params.text('statement_descriptor') ?? null;
  params.end();
  const destination = account === '' ? (named ?? PLATFORM_BANK) : bankFor(box, account, currency, named);
  if (box.book.available(account, currency) < amount) {
    throw insufficientFunds(
      'You have insufficient funds in your Stripe account for this transfer. Your card balance is too low. ' +
        'You can use the /v1/balance endpoint to view your Stripe balance.',
    );
  }
  const id = newId('po_');
  const transaction = box.book.book({
    account,
    amount: -amount,
    currency,
    type: 'payout',
    category: 'payout',
    source: id,
    description: description ?? 'STRIPE PAYOUT',
  });
  const created = nowSeconds();
  const payout: Stripe.Payout = {
    id,
    object: 'payout',
    amount,
    application_fee: null,
    application_fee_amount: null,
    arrival_date: created + Math.ceil(box.state.settings.payoutDelayMs / 1000),
    automatic: false,
    balance_transaction: transaction.id,
    created,
    currency,
    description,
    destination,
    failure_balance_transaction: null,
    failure_code: null,
    failure_message: null,
    livemode: false,
    metadata,
    method,
    original_payout: null,
    payout_method: null,
    reconciliation_status: 'not_applicable',
    reversed_by: null,
    source_type: sourceType,
    statement_descriptor: descriptor,
    status: 'pending',
    trace_id: { status: 'pending', value: null },
    type: 'bank_account',
  };
  box.state.payouts.insert(payout, account);
  box.feed.emit({ type: 'payout.created', account, object: payout, request });
  schedulePayout(box, id, Date.now());
  call.effect = { type: 'payout', id, amount, currency };
  return payout;
}

/** The connected account's bank account for the payout. @throws StripeFailure */
function bankFor(box: Box, account: string, currency: string, named: string | undefined): string {
  const bank = named === undefined ? defaultBank(box, account, currency) : box.state.banks.get(named, account);
  if (named !== undefined && (!bank || bank.removed)) throw missing('external account', named, 'destination', 400);
  if (!viewAccount(box.state, accountOf(box, account)).payouts_enabled) {
    throw new StripeFailure('Payouts are not enabled on this account: see its requirements.', {
      code: 'payouts_not_allowed',
    });
  }
  if (!bank) throw new StripeFailure(`Sorry, you don't have any external accounts in that currency (${currency}).`);
  if (bank.bank.status !== 'errored') return bank.id;
  throw new StripeFailure('An earlier payout to this bank account failed; another one must be used.', {
    code: 'bank_account_unusable',
    param: 'destination',
  });
}

function list(box: Box, { account, params }: Call): object {
  const { payouts } = box.state;
  const page = pageOf(params);
  const arrival = params.range('arrival_date');
  const destination = params.text('destination');
  const status = params.text('status');
  params.end();
  return listOf(page, {
    url: '/v1/payouts',
    noun: 'payout',
    rows: payouts.by('account', account),
    find: (id) => payouts.row(id),
    keep: (payout) =>
      (status === undefined || payout.status === status) &&
      (destination === undefined || idOf(payout.destination) === destination) &&
      within(payout.arrival_date, arrival),
    view: (payout) => payout,
  });
}

function within(at: number, { gt = -1, gte = 0, lt = Infinity, lte = Infinity }: Range = {}): boolean {
  return at > gt && at >= gte && at < lt && at <= lte;
}

function update(box: Box, call: Call): Stripe.Payout {
  const before = payoutOf(box, call);
  const metadata = call.params.metadata(before.metadata ?? {});
  call.params.end();
  const payout = box.state.payouts.replace({ ...before, metadata });
  const previous = { metadata: before.metadata };
  box.feed.emit({ type: 'payout.updated', account: call.account, object: payout, previous, request: call.request });
  return payout;
}

function cancel(box: Box, call: Call): Stripe.Payout {
  const payout = payoutOf(box, call);
  call.params.end();
  if (payout.status !== 'pending') {
    throw new StripeFailure(`Payouts can only be canceled while they are pending; this one is ${payout.status}.`);
  }
  const { id, amount, currency } = payout;
  call.effect = { type: 'payout_cancel', id, amount, currency };
  return markCanceled(box, id, call.request);
}
