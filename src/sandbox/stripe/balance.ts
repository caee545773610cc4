/** /v1/balance and /v1/balance_transactions */
import type { Box } from './box.ts';
import { StripeFailure, missing } from './errors.ts';
import { listOf, pageOf } from './lists.ts';
import { idOf, type Call, type Endpoint } from './state.ts';

export function balanceEndpoints(box: Box): Endpoint[] {
  return [
    {
      method: 'GET',
      path: '/v1/balance',
      run: ({ account, params }) => {
        params.end();
        return box.book.balance(account);
      },
    },
    { method: 'GET', path: '/v1/balance_transactions', run: (call) => list(box, call) },
    {
      method: 'GET',
      path: '/v1/balance_transactions/:id',
      run: ({ account, params, path }) => {
        params.end();
        const transaction = box.state.balanceTransactions.get(path.id!, account);
        if (!transaction) throw missing('balance transaction', path.id!, 'id');
        return transaction;
      },
    },
  ];
}

function list(box: Box, { account, params }: Call): object {
  const { balanceTransactions, payouts } = box.state;
  const page = pageOf(params);
  const currency = params.text('currency');
  const payout = params.text('payout');
  const source = params.text('source');
  const type = params.text('type');
  params.end();
  if (payout !== undefined) {
    if (!payouts.get(payout, account)) throw missing('payout', payout, 'payout', 400);
    throw new StripeFailure('Balance transaction history can only be filtered on automatic transfers, not manual.');
  }
  return listOf(page, {
    url: '/v1/balance_transactions',
    noun: 'balance transaction',
    rows: source === undefined ? balanceTransactions.by('account', account) : balanceTransactions.by('source', source),
    find: (id) => balanceTransactions.row(id),
    keep: (transaction) =>
      (currency === undefined || transaction.currency === currency) &&
      (type === undefined || transaction.type === type) &&
      (source === undefined || balanceTransactions.row(transaction.id)?.account === account) &&
      (source === undefined || idOf(transaction.source) === source),
    view: (transaction) => transaction,
  });
}
