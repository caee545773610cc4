/** /v1/transfers/:transfer/reversals: money back from the connected account, while it still has it. */
import type Stripe from 'stripe';
import { newId } from '../ids.ts';
import type { Box } from './box.ts';
import { StripeFailure, insufficientFunds, missing } from './errors.ts';
import { listOf, pageOf } from './lists.ts';
import { idOf, nowSeconds, type Call, type Endpoint } from './state.ts';
import { transferOf } from './transfers.ts';

const COLLECTION = '/v1/transfers/:transfer/reversals';
/** The transfer itself shows this many. */
const SHOWN = 10;

export function reversalEndpoints(box: Box): Endpoint[] {
  return [
    { method: 'POST', path: COLLECTION, run: (call) => create(box, call) },
    { method: 'GET', path: COLLECTION, run: (call) => list(box, call) },
    {
      method: 'GET',
      path: `${COLLECTION}/:id`,
      run: (call) => {
        call.params.end();
        return reversalOf(box, call);
      },
    },
    {
      method: 'POST',
      path: `${COLLECTION}/:id`,
      run: (call) => {
        const reversal = reversalOf(box, call);
        const metadata = call.params.metadata(reversal.metadata ?? {});
        call.params.end();
        return box.state.reversals.replace({ ...reversal, metadata });
      },
    },
  ];
}

function reversalOf(box: Box, { path }: Call): Stripe.TransferReversal {
  const transfer = transferOf(box, path.transfer!);
  const reversal = box.state.reversals.get(path.id!);
  if (reversal && idOf(reversal.transfer) === transfer.id) return reversal;
  throw missing('transfer reversal', path.id!, 'id');
}

function create(box: Box, call: Call): Stripe.TransferReversal {
  const { path, params, request } = call;
  const before = transferOf(box, path.transfer!);
  const left = before.amount - before.amount_reversed;
  const amount = params.integer('amount', { min: 1 }) ?? left;
  const metadata = params.metadata();
  const description = params.text('description') ?? null;
  params.ignore('refund_application_fee');
  params.end();
  const account = idOf(before.destination)!;
  checkAmount(box, before, account, amount, left);
  const { currency } = before;
  const id = newId('trr_');
  const refund = newId('pyr_');
  const transaction = box.book.book({
    account: '',
    amount,
    currency,
    type: 'transfer_refund',
    category: 'transfer_reversal',
    source: id,
    description,
  });
  const taken = { account, amount: -amount, currency, source: refund, description };
  box.book.book({ ...taken, type: 'payment_refund', category: 'refund' });
  const reversal: Stripe.TransferReversal = {
    id,
    object: 'transfer_reversal',
    amount,
    balance_transaction: transaction.id,
    created: nowSeconds(),
    currency,
    destination_payment_refund: refund,
    metadata,
    source_refund: null,
    transfer: before.id,
  };
  box.state.reversals.insert(reversal);
  const amountReversed = before.amount_reversed + amount;
  const known = [reversal, ...before.reversals.data];
  const transfer = box.state.transfers.replace({
    ...before,
    amount_reversed: amountReversed,
    reversed: amountReversed === before.amount,
    reversals: {
      ...before.reversals,
      data: known.slice(0, SHOWN),
      has_more: before.reversals.has_more || known.length > SHOWN,
    },
  });
  box.feed.emit({ type: 'transfer.reversed', account: '', object: transfer, request });
  box.feed.emit({ type: 'balance.available', account: '', object: box.book.balance(''), request });
  call.effect = { type: 'transfer_reversal', id, amount, currency };
  return reversal;
}

function checkAmount(box: Box, transfer: Stripe.Transfer, account: string, amount: number, left: number): void {
  if (left === 0) throw new StripeFailure(`The transfer ${transfer.id} is already fully reversed.`);
  if (amount > left) {
    throw new StripeFailure(`Reversal amount (${amount}) is greater than what is left of the transfer (${left}).`, {
      param: 'amount',
    });
  }
  if (box.book.available(account, transfer.currency) < amount) {
    throw insufficientFunds('The connected account has insufficient funds to cover the reversal amount.');
  }
}

function list(box: Box, { path, params }: Call): object {
  const transfer = transferOf(box, path.transfer!);
  const page = pageOf(params);
  params.end();
  return listOf(page, {
    url: `/v1/transfers/${transfer.id}/reversals`,
    noun: 'transfer reversal',
    rows: box.state.reversals.by('transfer', transfer.id),
    find: (id) => box.state.reversals.row(id),
    view: (reversal) => reversal,
  });
}
