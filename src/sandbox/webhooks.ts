/**
 * Delivers events to the product as providers do: at least once, a bounded number at a time over kept-alive
 * connections, again after 1 s, 2 s, 4 s … 60 s until answered 2xx, for three days.
 */
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { ChangeLog } from './change-log.ts';
import { delayOf, type FaultBook } from './faults.ts';
import type { Scheduler } from './scheduler.ts';
import { Table } from './tables.ts';

const IN_FLIGHT = 32;
const TIMEOUT_MS = 10_000;
const LONGEST_WAIT_MS = 60_000;
const GIVE_UP_MS = 3 * 86_400_000;

/** What is sent at an attempt; made anew each time, because signatures carry their time. */
export interface WebhookMessage {
  url: string;
  headers: Record<string, string>;
  body: string;
}

export interface Delivery {
  id: string;
  endpoint: string;
  event: string;
  type: string;
  /** What the event is about; a held-back event waits for the next one about the same. */
  subject: string;
  attempts: number;
  since: number;
}

interface WebhooksOptions {
  provider: string;
  log: ChangeLog;
  scheduler: Scheduler;
  faults: FaultBook;
  /** Undefined: the endpoint or the event is gone, so the delivery is dropped. */
  compose: (delivery: Delivery) => WebhookMessage | undefined;
}

export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #deliveries: Table<Delivery>;
  readonly #undelivered = new Map<string, number>();
  readonly #held = new Map<string, Delivery[]>();
  readonly #agents = [
    new HttpAgent({ keepAlive: true, maxSockets: IN_FLIGHT }),
    new HttpsAgent({ keepAlive: true, maxSockets: IN_FLIGHT }),
  ] as const;
  #queue: Delivery[] = [];
  #head = 0;
  #inFlight = 0;
  #closed = false;

  constructor(options: WebhooksOptions) {
    this.#options = options;
    this.#deliveries = new Table(options.log, `${options.provider}.deliveries`);
  }

  /** Sends an event to an endpoint once the change log has it. */
  send(event: Pick<Delivery, 'endpoint' | 'event' | 'type' | 'subject'>): void {
    const { faults, provider, log } = this.#options;
    const fresh = { ...event, attempts: 0, since: Date.now() };
    const copies = faults.take(provider, event.type, ['duplicate_webhook']) ? 2 : 1;
    const held = faults.take(provider, event.type, ['reorder_webhooks']);
    for (let copy = 1; copy <= copies; copy += 1) {
      const delivery: Delivery = { id: `${event.event} ${event.endpoint} ${copy}`, ...fresh };
      this.#deliveries.put(delivery);
      this.#count(delivery, 1);
      if (held) this.#hold(delivery, delayOf(held));
      else this.#queue.push(delivery);
    }
    void log.written().then(() => {
      this.#drain();
    });
  }

  /** How many deliveries of the event are outstanding. */
  pending(event: string): number {
    return this.#undelivered.get(event) ?? 0;
  }

  /** Takes up what an earlier run left undelivered. */
  resume(): void {
    for (const delivery of this.#deliveries.values()) {
      this.#count(delivery, 1);
      this.#queue.push(delivery);
    }
    this.#drain();
  }

  close(): void {
    this.#closed = true;
    for (const agent of this.#agents) agent.destroy();
  }

  #hold(delivery: Delivery, delayMs: number): void {
    const key = `${delivery.endpoint} ${delivery.subject}`;
    this.#held.set(key, [...(this.#held.get(key) ?? []), delivery]);
    this.#options.scheduler.at(Date.now() + delayMs, () => {
      this.#release(key);
    });
  }

  #release(key: string): void {
    const held = this.#held.get(key);
    if (!held) return;
    this.#held.delete(key);
    this.#queue.push(...held);
    this.#drain();
  }

  #drain(): void {
    while (!this.#closed && this.#inFlight < IN_FLIGHT && this.#head < this.#queue.length) {
      const delivery = this.#queue[this.#head]!;
      this.#head += 1;
      this.#inFlight += 1;
      void this.#attempt(delivery).finally(() => {
        this.#inFlight -= 1;
        this.#release(`${delivery.endpoint} ${delivery.subject}`);
        this.#drain();
      });
    }
    if (this.#head < 1000 && this.#head < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }

  async #attempt(delivery: Delivery): Promise<void> {
    const message = this.#options.compose(delivery);
    const delivered = message === undefined || (await this.#post(message));
    if (this.#closed) return;
    const attempts = delivery.attempts + 1;
    const wait = Math.min(1000 * 2 ** (attempts - 1), LONGEST_WAIT_MS);
    if (delivered || Date.now() + wait > delivery.since + GIVE_UP_MS) {
      this.#deliveries.delete(delivery.id);
      this.#count(delivery, -1);
      return;
    }
    const again = { ...delivery, attempts };
    this.#deliveries.put(again);
    this.#options.scheduler.at(Date.now() + wait, () => {
      this.#queue.push(again);
      this.#drain();
    });
  }

  /** True when the endpoint answered 2xx. */
  #post({ url, headers, body }: WebhookMessage): Promise<boolean> {
    const secure = url.startsWith('https:');
    return new Promise((resolve) => {
      const sent = (secure ? httpsRequest : httpRequest)(
        url,
        {
          method: 'POST',
          agent: this.#agents[secure ? 1 : 0],
          timeout: TIMEOUT_MS,
          headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        },
        (response) => {
          const status = response.statusCode ?? 0;
          response.on('error', () => {
            resolve(false);
          });
          response.on('end', () => {
            resolve(status >= 200 && status < 300);
          });
          response.resume();
        },
      );
      sent.on('timeout', () => {
        sent.destroy(new Error('no answer in time'));
      });
      // refused, reset or timed out: all mean "deliver again"
      sent.on('error', () => {
        resolve(false);
      });
      sent.end(body);
    });
  }

  #count(delivery: Delivery, by: 1 | -1): void {
    const left = this.pending(delivery.event) + by;
    if (left === 0) this.#undelivered.delete(delivery.event);
    else this.#undelivered.set(delivery.event, left);
  }
}
