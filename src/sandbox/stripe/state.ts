/** What the Stripe sandbox knows. Stored objects name others by id; {@link ./expand.ts} inflates them. */
import type Stripe from 'stripe';
import type { ChangeLog } from '../change-log.ts';
import type { FaultBook } from '../faults.ts';
import type { Effect, Journal } from '../journal.ts';
import type { Scheduler } from '../scheduler.ts';
import { Collection, Table } from '../tables.ts';
import type { Params } from './params.ts';

/** Called `acct_…` like any account, but every record of its own is kept under `''`. */
export const PLATFORM_ACCOUNT = 'acct_1SandboxPlatform';

export interface StripeSettings {
  /** From a payout's creation until the bank has decided. */
  payoutDelayMs: number;
  /** Requests per second and endpoint; 0: unlimited. */
  rateLimit: number;
  /** What the platform starts with in every currency, in minor units. */
  platformBalance: number;
  /** Where all events go, of the platform and of connected accounts. */
  webhook: { url: string; secret: string; events: string[] } | undefined;
}

export interface SandboxParts {
  log: ChangeLog;
  scheduler: Scheduler;
  faults: FaultBook;
  journal: Journal;
}

/** The facts about a connected account; {@link ./account-view.ts} derives the rest. */
export interface AccountRecord {
  id: string;
  created: number;
  type: 'standard' | 'express' | 'custom' | 'none';
  country: string;
  email: string | null;
  defaultCurrency: string;
  businessType: Stripe.Account.BusinessType | null;
  businessProfile: { name: string | null; url: string | null; mcc: string | null; product_description: string | null };
  controller: Stripe.Account.Controller;
  metadata: Record<string, string>;
  /** Requested capabilities and when. */
  requested: Record<string, number>;
  payouts: Stripe.Account.Settings.Payouts;
  serviceAgreement: string;
  submitted: boolean;
  restricted: boolean;
  /** The platform has no access any more. */
  gone: boolean;
}

export interface BankRecord {
  id: string;
  account: string;
  /** Decides how payouts to it end. */
  number: string;
  removed: boolean;
  bank: Stripe.BankAccount;
}

export interface OnboardingLink {
  /** The secret part of its URL. */
  id: string;
  account: string;
  returnUrl: string;
  refreshUrl: string;
  expiresAt: number;
}

export interface WebhookEndpointRecord {
  id: string;
  connect: boolean;
  secret: string;
  endpoint: Stripe.WebhookEndpoint;
}

/** The answer that an idempotency key stands for. */
export interface StoredAnswer {
  /** Account and key. */
  id: string;
  endpoint: string;
  params: string;
  status: number;
  body: string;
  requestId: string;
  at: number;
}

const EVENT_LIFE_S = 30 * 86_400;
const KEY_LIFE_MS = 24 * 3_600_000;

export function idOf(value: string | { id: string } | null | undefined): string | null {
  return typeof value === 'object' ? (value?.id ?? null) : (value ?? null);
}

export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

export class StripeState {
  readonly settings: StripeSettings;
  readonly parts: SandboxParts;
  readonly accounts: Collection<AccountRecord>;
  readonly banks: Collection<BankRecord, 'account'>;
  readonly links: Table<OnboardingLink>;
  readonly transfers: Collection<Stripe.Transfer, 'destination' | 'group' | 'payment'>;
  readonly reversals: Collection<Stripe.TransferReversal, 'transfer'>;
  readonly payouts: Collection<Stripe.Payout, 'account'>;
  readonly topups: Collection<Stripe.Topup>;
  readonly balanceTransactions: Collection<Stripe.BalanceTransaction, 'account' | 'source'>;
  readonly events: Collection<Stripe.EventBase, 'account'>;
  readonly endpoints: Table<WebhookEndpointRecord>;
  readonly answers: Table<StoredAnswer>;

  constructor(parts: SandboxParts, settings: StripeSettings) {
    const { log } = parts;
    const ofAccount = (_: unknown, account: string) => account;
    this.parts = parts;
    this.settings = settings;
    this.accounts = new Collection(log, 'stripe.accounts', {});
    this.banks = new Collection<BankRecord, 'account'>(log, 'stripe.banks', { account: ofAccount });
    this.links = new Table(log, 'stripe.links', (link) => link.expiresAt > nowSeconds());
    this.transfers = new Collection(log, 'stripe.transfers', {
      destination: (transfer) => idOf(transfer.destination),
      group: (transfer) => transfer.transfer_group,
      payment: (transfer) => idOf(transfer.destination_payment),
    });
    this.reversals = new Collection(log, 'stripe.reversals', { transfer: (reversal) => idOf(reversal.transfer) });
    this.payouts = new Collection<Stripe.Payout, 'account'>(log, 'stripe.payouts', { account: ofAccount });
    this.topups = new Collection(log, 'stripe.topups', {});
    this.balanceTransactions = new Collection<Stripe.BalanceTransaction, 'account' | 'source'>(
      log,
      'stripe.balance_transactions',
      {
        account: ofAccount,
        source: (transaction) => idOf(transaction.source),
      },
    );
    const eventsSince = nowSeconds() - EVENT_LIFE_S;
    this.events = new Collection<Stripe.EventBase, 'account'>(
      log,
      'stripe.events',
      { account: ofAccount },
      (event) => event.created >= eventsSince,
    );
    this.endpoints = new Table(log, 'stripe.endpoints');
    this.answers = new Table(log, 'stripe.answers', (answer) => !isExpired(answer));
  }
}

export function isExpired(answer: StoredAnswer): boolean {
  return answer.at + KEY_LIFE_MS < Date.now();
}

/** One API request on its way through its endpoint. */
export interface Call {
  /** `''`: the platform. */
  account: string;
  params: Params;
  path: Record<string, string>;
  request: Stripe.Event.Request;
  /** The sandbox's own address as the client wrote it. */
  origin: string;
  /** What the request created or moved. */
  effect: Effect | null;
}

export interface Endpoint {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  /** Checks everything before it changes anything. @throws StripeFailure */
  run: (call: Call) => object;
}
