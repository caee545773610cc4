import type Stripe from 'stripe';
import type {
  BankPayoutStatus,
  PayoutDestination,
  StripeAccount,
  StripeBalanceTransaction,
  StripeBankPayout,
  StripeEvent,
  StripeReversal,
  StripeTransfer,
} from './types.ts';

export function toAccount(account: Stripe.Account): StripeAccount {
  const requirements = account.requirements;
  return {
    id: account.id,
    creatorId: account.metadata?.['creator_id'] ?? null,
    country: account.country ?? null,
    email: account.email,
    defaultCurrency: account.default_currency?.toUpperCase() ?? null,
    detailsSubmitted: account.details_submitted,
    chargesEnabled: account.charges_enabled,
    payoutsEnabled: account.payouts_enabled,
    transfersEnabled: account.capabilities?.transfers === 'active',
    currentlyDue: requirements?.currently_due ?? [],
    pastDue: requirements?.past_due ?? [],
    pendingVerification: requirements?.pending_verification ?? [],
    disabledReason: requirements?.disabled_reason ?? null,
    destination: toDestination(account.external_accounts?.data ?? []),
  };
}

function toDestination(externals: Stripe.ExternalAccount[]): PayoutDestination | null {
  const external = externals.find((one) => one.default_for_currency) ?? externals[0];
  if (!external) return null;
  return {
    id: external.id,
    bankName: external.object === 'bank_account' ? external.bank_name : null,
    last4: external.last4,
    currency: (external.currency ?? '').toUpperCase(),
    fingerprint: external.fingerprint ?? null,
  };
}

export function toTransfer(transfer: Stripe.Transfer): StripeTransfer {
  return {
    id: transfer.id,
    amount: BigInt(transfer.amount),
    amountReversed: BigInt(transfer.amount_reversed),
    reversed: transfer.reversed,
    currency: transfer.currency.toUpperCase(),
    destination: idOf(transfer.destination),
    transferGroup: transfer.transfer_group,
    balanceTransactionId: idOf(transfer.balance_transaction),
    metadata: transfer.metadata,
    createdAt: toDate(transfer.created),
  };
}

export function toReversal(reversal: Stripe.TransferReversal): StripeReversal {
  return {
    id: reversal.id,
    transferId: idOf(reversal.transfer),
    amount: BigInt(reversal.amount),
    currency: reversal.currency.toUpperCase(),
    balanceTransactionId: idOf(reversal.balance_transaction),
    createdAt: toDate(reversal.created),
  };
}

export function toBankPayout(payout: Stripe.Payout): StripeBankPayout {
  return {
    id: payout.id,
    status: toPayoutStatus(payout.status),
    amount: BigInt(payout.amount),
    currency: payout.currency.toUpperCase(),
    destinationId: idOf(payout.destination),
    failureCode: payout.failure_code,
    failureMessage: payout.failure_message,
    traceId: payout.trace_id?.value ?? null,
    balanceTransactionId: idOf(payout.balance_transaction),
    metadata: payout.metadata ?? {},
    createdAt: toDate(payout.created),
    arrivalAt: toDate(payout.arrival_date),
  };
}

const payoutStatuses: readonly string[] = [
  'pending',
  'in_transit',
  'paid',
  'failed',
  'canceled',
] satisfies BankPayoutStatus[];

/** A status that Stripe adds later counts as under way: it is looked at again, never taken for an end. */
function toPayoutStatus(status: string): BankPayoutStatus {
  return payoutStatuses.includes(status) ? (status as BankPayoutStatus) : 'pending';
}

export function toBalanceTransaction(transaction: Stripe.BalanceTransaction): StripeBalanceTransaction {
  return {
    id: transaction.id,
    type: transaction.type,
    amount: BigInt(transaction.amount),
    fee: BigInt(transaction.fee),
    net: BigInt(transaction.net),
    currency: transaction.currency.toUpperCase(),
    sourceId: idOf(transaction.source),
    createdAt: toDate(transaction.created),
  };
}

export function toEvent(event: Stripe.Event): StripeEvent {
  const object = event.data.object as { id?: unknown };
  return {
    id: event.id,
    type: event.type,
    account: event.account ?? null,
    objectId: typeof object.id === 'string' ? object.id : null,
    createdAt: toDate(event.created),
    payload: event as unknown as Record<string, unknown>,
  };
}

/** The whole amount that may be moved now. */
export function availableIn(balance: Stripe.Balance, currency: string): bigint {
  const code = currency.toLowerCase();
  return balance.available
    .filter((entry) => entry.currency === code)
    .reduce((sum, entry) => sum + BigInt(entry.amount), 0n);
}

/** Stripe takes amounts as JSON-sized integers. @throws RangeError beyond them or below 1 */
export function toStripeAmount(amount: bigint): number {
  if (amount < 1n || amount > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`Not an amount to send: ${amount}`);
  return Number(amount);
}

export function toSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}

function toDate(seconds: number): Date {
  return new Date(seconds * 1000);
}

function idOf(value: string | { id: string } | null | undefined): string | null {
  return typeof value === 'object' ? (value?.id ?? null) : (value ?? null);
}
