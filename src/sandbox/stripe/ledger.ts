/** Balances: every change is a balance transaction, and the sums are kept beside them. */
import type Stripe from 'stripe';
import { newId } from '../ids.ts';
import { SUPPORTED_CURRENCIES } from './currencies.ts';
import { idOf, nowSeconds, type StripeState } from './state.ts';

/** A positive amount is money in. Amounts are minor units. */
export interface Booking {
  account: string;
  amount: number;
  currency: string;
  type: Stripe.BalanceTransaction.Type;
  category: string;
  source: string;
  description?: string | null;
}

export class BalanceBook {
  readonly #state: StripeState;
  readonly #sums = new Map<string, Map<string, number>>();

  constructor(state: StripeState) {
    this.#state = state;
  }

  /** Adds up what the change log brought back. */
  resume(): void {
    for (const { account, value } of this.#state.balanceTransactions.all()) {
      this.#add(account, value.currency, value.net);
    }
  }

  available(account: string, currency: string): number {
    const start = account === '' ? this.#state.settings.platformBalance : 0;
    return start + (this.#sums.get(account)?.get(currency) ?? 0);
  }

  book(booking: Booking): Stripe.BalanceTransaction {
    const { account, amount, currency, type, category, source, description = null } = booking;
    const created = nowSeconds();
    this.#add(account, currency, amount);
    const transaction: Stripe.BalanceTransaction = {
      id: newId('txn_'),
      object: 'balance_transaction',
      amount,
      available_on: created,
      balance_type: 'payments',
      created,
      currency,
      description,
      exchange_rate: null,
      fee: 0,
      fee_details: [],
      net: amount,
      reporting_category: category,
      source,
      status: 'available',
      type,
    };
    return this.#state.balanceTransactions.insert(transaction, account);
  }

  /** The Balance object. The platform holds every currency; an account those that it has had, or else its own. */
  balance(account: string): Stripe.Balance {
    const own = this.#state.accounts.get(account)?.defaultCurrency ?? 'usd';
    const had = [...(this.#sums.get(account)?.keys() ?? [])];
    const currencies = account === '' ? SUPPORTED_CURRENCIES : had.length > 0 ? had : [own];
    const entries = (amountOf: (currency: string) => number) =>
      currencies.map((currency) => {
        const amount = amountOf(currency);
        return { amount, currency, source_types: { card: amount } };
      });
    return {
      object: 'balance',
      available: entries((currency) => this.available(account, currency)),
      ...(account === '' ? { connect_reserved: [{ amount: 0, currency: own }] } : {}),
      livemode: false,
      pending: entries(() => 0),
    };
  }

  /** The transaction of `account` that a source booked there, such as a transfer's payment. */
  transactionOf(source: string, account: string): string | null {
    const row = this.#state.balanceTransactions.by('source', source).find((found) => found.account === account);
    return idOf(row?.value);
  }

  #add(account: string, currency: string, amount: number): void {
    const sums = this.#sums.get(account) ?? new Map<string, number>();
    this.#sums.set(account, sums.set(currency, (sums.get(currency) ?? 0) + amount));
  }
}
