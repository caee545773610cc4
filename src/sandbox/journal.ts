/** Every request that a provider received, in order, with what it really created or moved. */
import type { ChangeLog, Restorable } from './change-log.ts';

/** `amount` in the currency's minor unit; 0 and no currency for what is not money. */
export interface Effect {
  type: string;
  id: string;
  amount: number;
  currency: string | null;
}

export interface JournalEntry {
  seq: number;
  provider: string;
  method: string;
  path: string;
  query: unknown;
  account: string | null;
  idempotency_key: string | null;
  body: unknown;
  effect: Effect | null;
}

export class Journal implements Restorable {
  readonly #entries: JournalEntry[] = [];
  readonly #record: (change: unknown) => void;
  #next = 1;

  constructor(log: ChangeLog) {
    this.#record = log.register('journal', this);
  }

  /** Takes the request's place in the order; {@link settle} must follow. */
  open(request: Omit<JournalEntry, 'seq' | 'effect'>): JournalEntry {
    const entry: JournalEntry = { seq: this.#next, ...request, effect: null };
    this.#next += 1;
    this.#entries.push(entry);
    return entry;
  }

  /** Keeps the entry, in the same flush as what the request changed. */
  settle(entry: JournalEntry, effect: Effect | null = null): void {
    entry.effect = effect;
    this.#record(entry);
  }

  list(filter: {
    provider?: string | undefined;
    after?: number | undefined;
    limit?: number | undefined;
  }): JournalEntry[] {
    const { provider, after = 0, limit = Infinity } = filter;
    const found = this.#entries.filter(
      (entry) => entry.seq > after && (provider === undefined || entry.provider === provider),
    );
    return found.length > limit ? found.slice(0, limit) : found;
  }

  restore(change: unknown): void {
    this.#entries.push(change as JournalEntry);
  }

  snapshot(): Iterable<unknown> {
    // requests settle in another order than they arrived
    this.#entries.sort((a, b) => a.seq - b.seq);
    this.#next = (this.#entries.at(-1)?.seq ?? 0) + 1;
    return this.#entries;
  }
}
