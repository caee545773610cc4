/** /v1/transfers: from the platform's available balance to a connected account's, at once. */
import type Stripe from 'stripe';
import { newId } from '../ids.ts';
import { destinationOf } from './account-changes.ts';
import { capabilityStatus } from './account-view.ts';
import type { Box } from './box.ts';
import { StripeFailure, insufficientFunds, missing } from './errors.ts';
import { listOf, pageOf } from './lists.ts';
import { idOf, nowSeconds, type Call, type Endpoint } from './state.ts';

export function transferEndpoints(box: Box): Endpoint[] {
  return [
    { method: 'POST', path: '/v1/transfers', run: (call) => create(box, call) },
    { method: 'GET', path: '/v1/transfers', run: (call) => list(box, call) },
    {
      method: 'GET',
      path: '/v1/transfers/:id',
      run: (call) => {
        call.params.end();
        return transferOf(box, call.path.id!);
      },
    },
    { method: 'POST', path: '/v1/transfers/:id', run: (call) => update(box, call) },
  ];
}

/** @throws StripeFailure */
export function transferOf(box: Box, id: string): Stripe.Transfer {
  const transfer = box.state.transfers.get(id);
  if (!transfer) throw missing('transfer', id, 'transfer');
  return transfer;
}

function create(box: Box, call: Call): Stripe.Transfer {
  const { params, request } = call;
  const amount = params.amount();
  const currency = params.requiredCurrency();
  const destination = params.required('destination');
  const description = params.text('description') ?? null;
  const group = params.text('transfer_group') ?? null;
  const metadata = params.metadata();
  const charge = params.text('source_transaction');
  const sourceType = params.oneOf('source_type', ['card', 'bank_account', 'fpx']) ?? 'card';
  params.end();
  if (call.account !== '') throw new StripeFailure('Only the platform can transfer to connected accounts.');
  if (charge !== undefined) throw missing('charge', charge, 'source_transaction', 400);
  checkDestination(box, destination);
  if (box.book.available('', currency) < amount) {
    throw insufficientFunds(
      'You have insufficient available funds in your Stripe account. Try adding funds directly to your available balance.',
    );
  }
  const id = newId('tr_');
  const payment = newId('py_');
  const booking = { currency, description };
  const transaction = box.book.book({
    ...booking,
    account: '',
    amount: -amount,
    type: 'transfer',
    category: 'transfer',
    source: id,
  });
  box.book.book({ ...booking, account: destination, amount, type: 'payment', category: 'charge', source: payment });
  const transfer: Stripe.Transfer = {
    id,
    object: 'transfer',
    amount,
    amount_reversed: 0,
    balance_transaction: transaction.id,
    created: nowSeconds(),
    currency,
    description,
    destination,
    destination_payment: payment,
    livemode: false,
    metadata,
    reversals: { object: 'list', data: [], has_more: false, url: `/v1/transfers/${id}/reversals` },
    reversed: false,
    source_transaction: null,
    source_type: sourceType,
    transfer_group: group,
  };
  box.state.transfers.insert(transfer);
  box.feed.emit({ type: 'transfer.created', account: '', object: transfer, request });
  call.effect = { type: 'transfer', id, amount, currency };
  return transfer;
}

function checkDestination(box: Box, destination: string): void {
  const account = destinationOf(box, destination);
  if (account.requested.transfers !== undefined && capabilityStatus(account) === 'active') return;
  throw new StripeFailure(
    'Your destination account needs to have at least one of the following capabilities enabled: ' +
      'transfers, crypto_transfers, legacy_payments',
    { code: 'insufficient_capabilities_for_transfer' },
  );
}

function list(box: Box, { params }: Call): object {
  const { transfers } = box.state;
  const page = pageOf(params);
  const destination = params.text('destination');
  const group = params.text('transfer_group');
  params.end();
  const rows =
    group !== undefined
      ? transfers.by('group', group)
      : destination !== undefined
        ? transfers.by('destination', destination)
        : transfers.all();
  return listOf(page, {
    url: '/v1/transfers',
    noun: 'transfer',
    rows,
    find: (id) => transfers.row(id),
    keep: (transfer) => destination === undefined || idOf(transfer.destination) === destination,
    view: (transfer) => transfer,
  });
}

function update(box: Box, { path, params, request }: Call): Stripe.Transfer {
  const before = transferOf(box, path.id!);
  const metadata = params.metadata(before.metadata);
  const given = params.unsettable('description');
  params.end();
  const description = given === undefined ? before.description : given;
  const transfer = box.state.transfers.replace({ ...before, metadata, description });
  const previous = { metadata: before.metadata, description: before.description };
  box.feed.emit({ type: 'transfer.updated', account: '', object: transfer, previous, request });
  return transfer;
}
