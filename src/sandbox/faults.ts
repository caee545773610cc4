/**
 * Faults that a test asked for. Of a request's path, or an event's type, that contains `path_pattern`:
 *
 * - `error_500`: execution began and failed; nothing moved; stored under the idempotency key like any first answer.
 * - `rate_limited`: 429 before execution; nothing stored.
 * - `timeout_before`: never executed; no answer for `delay_ms` (60 s), then the connection is dropped.
 * - `timeout_after`: executed and stored at once; the answer is lost in the same way.
 * - `drop`: never executed; the connection is dropped at once.
 * - `slow`: waits `delay_ms` (2 s) holding its idempotency key, then is executed and answered, even to a client
 *   that has gone.
 * - `duplicate_webhook`: the event is delivered twice.
 * - `reorder_webhooks`: the event is held back until the next event about the same object was sent, or for `delay_ms` (5 s).
 *
 * Faults add up: a request meets the oldest fault that fits, and the oldest `slow` besides.
 */
import type { ChangeLog } from './change-log.ts';
import { newId } from './ids.ts';
import { Table } from './tables.ts';

export const OUTCOME_FAULTS = ['error_500', 'rate_limited', 'timeout_before', 'timeout_after', 'drop'] as const;
export const WEBHOOK_FAULTS = ['duplicate_webhook', 'reorder_webhooks'] as const;
export const FAULT_KINDS = [...OUTCOME_FAULTS, 'slow', ...WEBHOOK_FAULTS] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

export interface FaultOrder {
  provider: string;
  path_pattern: string;
  kind: FaultKind;
  /** How many requests or events it strikes. */
  times: number;
  delay_ms?: number | undefined;
  /** Strikes requests of this method only. */
  method?: string | undefined;
}

export interface Fault extends FaultOrder {
  id: string;
  remaining: number;
}

const DEFAULT_DELAY_MS: Partial<Record<FaultKind, number>> = {
  timeout_before: 60_000,
  timeout_after: 60_000,
  slow: 2000,
  reorder_webhooks: 5000,
};

export function delayOf(fault: Fault): number {
  return fault.delay_ms ?? DEFAULT_DELAY_MS[fault.kind] ?? 0;
}

export class FaultBook {
  readonly #faults: Table<Fault>;

  constructor(log: ChangeLog) {
    this.#faults = new Table(log, 'faults');
  }

  add(order: FaultOrder): Fault {
    const fault: Fault = { id: newId('fault_', 12), ...order, remaining: order.times };
    this.#faults.put(fault);
    return fault;
  }

  list(): Fault[] {
    return [...this.#faults.values()];
  }

  clear(): void {
    this.#faults.clear();
  }

  /** Uses up one strike of the oldest fault of `kinds` that fits. */
  take(provider: string, subject: string, kinds: readonly FaultKind[], method?: string): Fault | undefined {
    for (const fault of this.#faults.values()) {
      if (fault.provider !== provider || !kinds.includes(fault.kind) || !subject.includes(fault.path_pattern)) continue;
      if (fault.method !== undefined && fault.method !== method) continue;
      if (fault.remaining > 1) this.#faults.put({ ...fault, remaining: fault.remaining - 1 });
      else this.#faults.delete(fault.id);
      return fault;
    }
    return undefined;
  }
}
