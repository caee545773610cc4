/** /v1/charges/:id on a connected account: the payment that it received for a transfer (`destination_payment`). */
import type Stripe from 'stripe';
import type { Box } from './box.ts';
import { missing } from './errors.ts';
import { idOf, type Endpoint } from './state.ts';

export function chargeEndpoints(box: Box): Endpoint[] {
  return [
    {
      method: 'GET',
      path: '/v1/charges/:id',
      run: ({ account, params, path }) => {
        params.end();
        const payment = paymentOf(box, path.id!);
        if (payment && account === idOf(box.state.transfers.by('payment', path.id!)[0]!.value.destination))
          return payment;
        throw missing('charge', path.id!, 'id');
      },
    },
  ];
}

export function paymentOf(box: Box, id: string): Stripe.Charge | undefined {
  const transfer = box.state.transfers.by('payment', id)[0]?.value;
  if (!transfer) return undefined;
  return {
    id,
    object: 'charge',
    amount: transfer.amount,
    amount_captured: transfer.amount,
    amount_refunded: transfer.amount_reversed,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: box.book.transactionOf(id, idOf(transfer.destination)!),
    billing_details: { address: null, email: null, name: null, phone: null, tax_id: null },
    calculated_statement_descriptor: null,
    captured: true,
    created: transfer.created,
    currency: transfer.currency,
    customer: null,
    description: transfer.description,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: null,
    failure_message: null,
    fraud_details: {},
    livemode: false,
    metadata: {},
    on_behalf_of: null,
    outcome: null,
    paid: true,
    payment_intent: null,
    payment_method: null,
    payment_method_details: { type: 'stripe_account' },
    receipt_email: null,
    receipt_number: null,
    receipt_url: null,
    refunded: transfer.reversed,
    review: null,
    shipping: null,
    source: null,
    source_transfer: transfer.id,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: 'succeeded',
    transfer_data: null,
    transfer_group: transfer.transfer_group,
  };
}
