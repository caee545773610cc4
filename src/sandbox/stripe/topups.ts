/** /v1/topups: money into the platform's balance, there at once. */
import type Stripe from 'stripe';
import { newId } from '../ids.ts';
import { PAYOUT_FAILURES, failureOf, numberOfToken } from './banks.ts';
import type { Box } from './box.ts';
import { StripeFailure, missing } from './errors.ts';
import { listOf, pageOf } from './lists.ts';
import { nowSeconds, type Call, type Endpoint } from './state.ts';

export function topupEndpoints(box: Box): Endpoint[] {
  return [
    { method: 'POST', path: '/v1/topups', run: (call) => create(box, call) },
    { method: 'GET', path: '/v1/topups', run: (call) => list(box, call) },
    {
      method: 'GET',
      path: '/v1/topups/:id',
      run: (call) => {
        call.params.end();
        const topup = box.state.topups.get(call.path.id!);
        if (!topup) throw missing('topup', call.path.id!, 'topup');
        return topup;
      },
    },
  ];
}

/** A `source` that is one of Stripe's failing test bank tokens makes a failed top-up. */
function create(box: Box, call: Call): Stripe.Topup {
  const { params, request } = call;
  const amount = params.amount();
  const currency = params.requiredCurrency();
  const description = params.text('description') ?? null;
  const descriptor = params.text('statement_descriptor') ?? null;
  const group = params.text('transfer_group') ?? null;
  const metadata = params.metadata();
  const source = params.text('source');
  params.ignore('payment_method');
  params.end();
  if (call.account !== '') throw new StripeFailure('Only the platform can be topped up.');
  const failure = failureOf(numberOfToken(source ?? '') ?? '');
  const id = newId('tu_');
  const transaction = failure
    ? null
    : box.book.book({ account: '', amount, currency, type: 'topup', category: 'topup', source: id, description });
  const created = nowSeconds();
  const topup: Stripe.Topup = {
    id,
    object: 'topup',
    amount,
    balance_transaction: transaction?.id ?? null,
    created,
    currency,
    description,
    expected_availability_date: created,
    failure_code: failure ?? null,
    failure_message: failure ? PAYOUT_FAILURES[failure] : null,
    initiated_by: 'user',
    livemode: false,
    metadata,
    source: null,
    statement_descriptor: descriptor,
    status: failure ? 'failed' : 'succeeded',
    transfer_group: group,
  };
  box.state.topups.insert(topup);
  box.feed.emit({ type: 'topup.created', account: '', object: { ...topup, status: 'pending' }, request });
  box.feed.emit({ type: failure ? 'topup.failed' : 'topup.succeeded', account: '', object: topup });
  if (failure) return topup;
  box.feed.emit({ type: 'balance.available', account: '', object: box.book.balance('') });
  call.effect = { type: 'topup', id, amount, currency };
  return topup;
}

function list(box: Box, { params }: Call): object {
  const page = pageOf(params);
  const status = params.text('status');
  params.end();
  return listOf(page, {
    url: '/v1/topups',
    noun: 'topup',
    rows: box.state.topups.all(),
    find: (id) => box.state.topups.row(id),
    keep: (topup) => status === undefined || topup.status === status,
    view: (topup) => topup,
  });
}
