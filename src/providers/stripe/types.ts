/** Stripe's objects as the rest of Stipend sees them: amounts are bigint minor units, currencies upper case, times Dates. */

export interface StripeAccount {
  id: string;
  /** From the metadata that we wrote when we made it. */
  creatorId: string | null;
  country: string | null;
  email: string | null;
  defaultCurrency: string | null;
  detailsSubmitted: boolean;
  chargesEnabled: boolean;
  payoutsEnabled: boolean;
  /** The `transfers` capability: without it the account cannot receive money from the platform. */
  transfersEnabled: boolean;
  currentlyDue: string[];
  pastDue: string[];
  pendingVerification: string[];
  disabledReason: string | null;
  /** Where bank payouts go by default. */
  destination: PayoutDestination | null;
}

export interface PayoutDestination {
  id: string;
  bankName: string | null;
  last4: string;
  currency: string;
  /** The same for the same bank account wherever it is used. */
  fingerprint: string | null;
}

/** Money from the platform to a connected account. */
export interface StripeTransfer {
  id: string;
  amount: bigint;
  amountReversed: bigint;
  /** All of it went back. */
  reversed: boolean;
  currency: string;
  destination: string | null;
  transferGroup: string | null;
  balanceTransactionId: string | null;
  metadata: Record<string, string>;
  createdAt: Date;
}

export interface StripeReversal {
  id: string;
  transferId: string | null;
  amount: bigint;
  currency: string;
  balanceTransactionId: string | null;
  createdAt: Date;
}

export type BankPayoutStatus = 'pending' | 'in_transit' | 'paid' | 'failed' | 'canceled';

/** Money from a connected account to its bank. A `paid` one may still become `failed`. */
export interface StripeBankPayout {
  id: string;
  status: BankPayoutStatus;
  amount: bigint;
  currency: string;
  destinationId: string | null;
  failureCode: string | null;
  failureMessage: string | null;
  /** The bank's reference. */
  traceId: string | null;
  balanceTransactionId: string | null;
  metadata: Record<string, string>;
  createdAt: Date;
  arrivalAt: Date;
}

export interface StripeBalanceTransaction {
  id: string;
  type: string;
  /** Signed: money in is positive. */
  amount: bigint;
  fee: bigint;
  net: bigint;
  currency: string;
  sourceId: string | null;
  createdAt: Date;
}

export interface StripeEvent {
  id: string;
  type: string;
  /** The connected account it happened on; null: the platform. */
  account: string | null;
  objectId: string | null;
  createdAt: Date;
  /** The event as Stripe sent it. */
  payload: Record<string, unknown>;
}

/** A page that a person is sent to, once and soon. */
export interface StripeLink {
  url: string;
}
