/**
 * What becomes of a payout after it was created. `pending` for half of the payout delay, then `in_transit`, then as the
 * bank account's test number decides: `paid`, or `failed` with the money back in the balance.
 *
 * A number that fails also disables its bank account (`status: errored`, `external_account` past due, payouts off)
 * until it is replaced or updated, as Stripe does. A failure that a control ordered does not: it says how one payout
 * ended, not what the bank account is like, and a plain retry may succeed.
 */
import type Stripe from 'stripe';
import { changeAccount } from './account-changes.ts';
import { PAYOUT_FAILURES, changeBank, failureOf, type PayoutFailure } from './banks.ts';
import type { Box } from './box.ts';
import { idOf } from './state.ts';

/** Sets a payout that was created at `since` (ms since the epoch) on its way. */
export function schedulePayout(box: Box, id: string, since: number): void {
  const { scheduler } = box.state.parts;
  const delay = box.state.settings.payoutDelayMs;
  scheduler.at(since + delay / 2, () => {
    submit(box, id);
  });
  scheduler.at(since + delay, () => {
    decide(box, id);
  });
}

/** Takes up the payouts that an earlier run left under way. */
export function resumePayouts(box: Box): void {
  for (const { value } of box.state.payouts.all()) {
    if (isOpen(value)) schedulePayout(box, value.id, value.created * 1000);
  }
}

export function isOpen(payout: Stripe.Payout): boolean {
  return payout.status === 'pending' || payout.status === 'in_transit';
}

export function markPaid(box: Box, id: string): Stripe.Payout {
  const trace = { status: 'supported', value: id.slice(-15).toUpperCase() };
  return change(box, id, 'payout.paid', { status: 'paid', trace_id: trace });
}

/** Fails it, whether or not it was already paid, and gives the money back to the balance that it came from. */
export function markFailed(box: Box, id: string, failure: PayoutFailure): Stripe.Payout {
  const returned = refundPayout(box, id, 'payout_failure');
  const failed = change(box, id, 'payout.failed', {
    status: 'failed',
    failure_balance_transaction: returned.id,
    failure_code: failure,
    failure_message: PAYOUT_FAILURES[failure],
  });
  announceBalance(box, id);
  return failed;
}

export function markCanceled(box: Box, id: string, request: Stripe.Event.Request): Stripe.Payout {
  const returned = refundPayout(box, id, 'payout_cancel');
  const fields = { status: 'canceled', failure_balance_transaction: returned.id };
  const canceled = change(box, id, 'payout.canceled', fields, request);
  announceBalance(box, id);
  return canceled;
}

function submit(box: Box, id: string): void {
  if (box.state.payouts.row(id)?.value.status === 'pending')
    change(box, id, 'payout.updated', { status: 'in_transit' });
}

function decide(box: Box, id: string): void {
  const row = box.state.payouts.row(id);
  if (!row || !isOpen(row.value)) return;
  const bank = box.state.banks.row(idOf(row.value.destination) ?? '')?.value;
  const failure = bank && failureOf(bank.number);
  if (!failure) {
    markPaid(box, id);
    return;
  }
  markFailed(box, id, failure);
  const gone = box.state.accounts.get(row.account)?.gone ?? true;
  if (gone || bank.removed || bank.bank.status === 'errored') return;
  changeAccount(box, row.account, () => changeBank(box, bank, { status: 'errored' }));
}

function refundPayout(box: Box, id: string, type: 'payout_failure' | 'payout_cancel'): Stripe.BalanceTransaction {
  const { account, value } = box.state.payouts.row(id)!;
  const { amount, currency } = value;
  const description = `REFUND FOR PAYOUT (${value.description ?? 'STRIPE PAYOUT'})`;
  return box.book.book({ account, amount, currency, type, category: 'payout_reversal', source: id, description });
}

function change(
  box: Box,
  id: string,
  type: Stripe.Event.Type,
  fields: Partial<Stripe.Payout>,
  request?: Stripe.Event.Request,
): Stripe.Payout {
  const { account, value } = box.state.payouts.row(id)!;
  const payout = box.state.payouts.replace({ ...value, ...fields });
  const previous = type === 'payout.updated' ? { previous: { status: value.status } } : {};
  box.feed.emit({ type, account, object: payout, ...previous, ...(request ? { request } : {}) });
  return payout;
}

function announceBalance(box: Box, id: string): void {
  const { account } = box.state.payouts.row(id)!;
  box.feed.emit({ type: 'balance.available', account, object: box.book.balance(account) });
}
