import type Stripe from 'stripe';
import { openConnection, type StripeSettings } from './connection.ts';
import {
  availableIn,
  toAccount,
  toBalanceTransaction,
  toBankPayout,
  toEvent,
  toReversal,
  toSeconds,
  toStripeAmount,
  toTransfer,
} from './transform.ts';
import type {
  StripeAccount,
  StripeBalanceTransaction,
  StripeBankPayout,
  StripeEvent,
  StripeLink,
  StripeReversal,
  StripeTransfer,
} from './types.ts';

export type Metadata = Record<string, string>;

export interface NewAccount {
  creatorId: string;
  email: string;
  /** ISO 3166-1 alpha-2. */
  country: string;
  idempotencyKey: string;
}

export interface NewAccountLink {
  account: string;
  returnUrl: string;
  refreshUrl: string;
}

export interface NewTransfer {
  payoutId: string;
  amount: bigint;
  currency: string;
  /** The connected account. */
  destination: string;
  transferGroup: string;
  idempotencyKey: string;
  metadata?: Metadata;
}

export interface NewBankPayout {
  account: string;
  payoutId: string;
  amount: bigint;
  currency: string;
  idempotencyKey: string;
  metadata?: Metadata;
}

const PAGE = 100;

export type StripeProvider = ReturnType<typeof createStripeProvider>;

/**
 * Stripe Connect as Stipend uses it. Each call is one paced request, sent once and never repeated here; it ends with a plain result
 * or a `StripeFailure`. Lists ask for page after page as they are read. One provider per process: it holds the pace of each endpoint.
 */
export function createStripeProvider(settings: StripeSettings) {
  const { send, close } = openConnection(settings);

  async function* pages<T extends { id: string }>(
    endpoint: string,
    list: (stripe: Stripe, page: { limit: number; starting_after?: string }) => Promise<Stripe.ApiList<T>>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<T[]> {
    let after: string | undefined;
    do {
      const page = await send(
        endpoint,
        (stripe) => list(stripe, { limit: PAGE, ...(after && { starting_after: after }) }),
        signal,
      );
      yield page.data;
      after = page.has_more ? page.data.at(-1)?.id : undefined;
    } while (after !== undefined);
  }

  return {
    /** Idle connections would keep their sockets open. */
    close,

    /** An Express account that receives transfers and is paid out only when we say so. */
    async createAccount(account: NewAccount, signal?: AbortSignal): Promise<StripeAccount> {
      const params: Stripe.AccountCreateParams = {
        country: account.country,
        email: account.email,
        controller: {
          fees: { payer: 'application' },
          losses: { payments: 'application' },
          requirement_collection: 'stripe',
          stripe_dashboard: { type: 'express' },
        },
        capabilities: { transfers: { requested: true } },
        business_type: 'individual',
        settings: { payouts: { schedule: { interval: 'manual' } } },
        metadata: { creator_id: account.creatorId },
      };
      const options = { idempotencyKey: account.idempotencyKey };
      return toAccount(await send('POST accounts', (stripe) => stripe.accounts.create(params, options), signal));
    },

    async retrieveAccount(id: string, signal?: AbortSignal): Promise<StripeAccount> {
      return toAccount(await send('GET account', (stripe) => stripe.accounts.retrieve(id), signal));
    },

    /** The account that was made for a creator, by its metadata. Reads the platform's accounts back to `createdAfter`. */
    async findAccount(
      { creatorId, createdAfter }: { creatorId: string; createdAfter: Date },
      signal?: AbortSignal,
    ): Promise<StripeAccount | undefined> {
      const created = { gte: toSeconds(createdAfter) };
      const found = pages('GET accounts', (stripe, page) => stripe.accounts.list({ ...page, created }), signal);
      for await (const page of found) {
        const match = page.find((account) => account.metadata?.['creator_id'] === creatorId);
        if (match) return toAccount(match);
      }
      return undefined;
    },

    /** The page on which the account's owner gives Stripe what it needs. */
    async createAccountLink(link: NewAccountLink, signal?: AbortSignal): Promise<StripeLink> {
      const params: Stripe.AccountLinkCreateParams = {
        account: link.account,
        type: 'account_onboarding',
        return_url: link.returnUrl,
        refresh_url: link.refreshUrl,
      };
      const { url } = await send('POST account_links', (stripe) => stripe.accountLinks.create(params), signal);
      return { url };
    },

    /** The owner's own Express dashboard; refused before onboarding is complete. */
    async createLoginLink(account: string, signal?: AbortSignal): Promise<StripeLink> {
      const { url } = await send('POST login_links', (stripe) => stripe.accounts.createLoginLink(account), signal);
      return { url };
    },

    async createTransfer(transfer: NewTransfer, signal?: AbortSignal): Promise<StripeTransfer> {
      const params: Stripe.TransferCreateParams = {
        amount: toStripeAmount(transfer.amount),
        currency: transfer.currency.toLowerCase(),
        destination: transfer.destination,
        transfer_group: transfer.transferGroup,
        metadata: { ...transfer.metadata, payout_id: transfer.payoutId },
      };
      const options = { idempotencyKey: transfer.idempotencyKey };
      return toTransfer(await send('POST transfers', (stripe) => stripe.transfers.create(params, options), signal));
    },

    async retrieveTransfer(id: string, signal?: AbortSignal): Promise<StripeTransfer> {
      return toTransfer(await send('GET transfer', (stripe) => stripe.transfers.retrieve(id), signal));
    },

    /** Newest first, those reversed too. */
    async findTransfers({ transferGroup }: { transferGroup: string }, signal?: AbortSignal): Promise<StripeTransfer[]> {
      const params = { transfer_group: transferGroup };
      const found: StripeTransfer[] = [];
      const list = pages('GET transfers', (stripe, page) => stripe.transfers.list({ ...page, ...params }), signal);
      for await (const page of list) found.push(...page.map(toTransfer));
      return found;
    },

    /** All of it back to the platform; refused when the account has less. */
    async reverseTransfer(
      reversal: { transferId: string; idempotencyKey: string; metadata?: Metadata },
      signal?: AbortSignal,
    ): Promise<StripeReversal> {
      const { transferId, idempotencyKey, metadata = {} } = reversal;
      const request = (stripe: Stripe) => stripe.transfers.createReversal(transferId, { metadata }, { idempotencyKey });
      return toReversal(await send('POST reversals', request, signal));
    },

    async createBankPayout(payout: NewBankPayout, signal?: AbortSignal): Promise<StripeBankPayout> {
      const params: Stripe.PayoutCreateParams = {
        amount: toStripeAmount(payout.amount),
        currency: payout.currency.toLowerCase(),
        metadata: { ...payout.metadata, payout_id: payout.payoutId },
      };
      const options = { idempotencyKey: payout.idempotencyKey, stripeAccount: payout.account };
      return toBankPayout(await send('POST payouts', (stripe) => stripe.payouts.create(params, options), signal));
    },

    async retrieveBankPayout(
      { account, id }: { account: string; id: string },
      signal?: AbortSignal,
    ): Promise<StripeBankPayout> {
      const options = { stripeAccount: account };
      return toBankPayout(await send('GET payout', (stripe) => stripe.payouts.retrieve(id, {}, options), signal));
    },

    /** The account's bank payouts that were made for one of our payouts, newest first. */
    async findBankPayouts(
      { account, payoutId, createdAfter }: { account: string; payoutId: string; createdAfter: Date },
      signal?: AbortSignal,
    ): Promise<StripeBankPayout[]> {
      const created = { gte: toSeconds(createdAfter) };
      const options = { stripeAccount: account };
      const list = pages('GET payouts', (stripe, page) => stripe.payouts.list({ ...page, created }, options), signal);
      const found: StripeBankPayout[] = [];
      for await (const page of list) {
        found.push(...page.map(toBankPayout).filter(({ metadata }) => metadata['payout_id'] === payoutId));
      }
      return found;
    },

    /** What the platform can transfer now. */
    async platformBalance(currency: string, signal?: AbortSignal): Promise<bigint> {
      return availableIn(await send('GET balance', (stripe) => stripe.balance.retrieve(), signal), currency);
    },

    /** The platform's, or with `account` that account's; newest first. */
    async *listBalanceTransactions(
      { createdAfter, type, account }: { createdAfter: Date; type?: string; account?: string },
      signal?: AbortSignal,
    ): AsyncGenerator<StripeBalanceTransaction> {
      const params = { created: { gte: toSeconds(createdAfter) }, ...(type && { type }) };
      const options = account === undefined ? {} : { stripeAccount: account };
      const list = pages(
        'GET balance_transactions',
        (stripe, page) => stripe.balanceTransactions.list({ ...page, ...params }, options),
        signal,
      );
      for await (const page of list) yield* page.map(toBalanceTransaction);
    },

    /** The platform's events, or with `account` those of that account; newest first. Stripe keeps them for 30 days. */
    async *listEvents(
      { createdAfter, types, account }: { createdAfter: Date; types: string[]; account?: string },
      signal?: AbortSignal,
    ): AsyncGenerator<StripeEvent> {
      const params = { created: { gte: toSeconds(createdAfter) }, types };
      const options = account === undefined ? {} : { stripeAccount: account };
      const list = pages('GET events', (stripe, page) => stripe.events.list({ ...page, ...params }, options), signal);
      for await (const page of list) {
        yield* page.map((event) => ({ ...toEvent(event), account: event.account ?? account ?? null }));
      }
    },
  };
}
