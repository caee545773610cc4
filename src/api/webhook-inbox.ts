import { setTimeout as sleep } from 'node:timers/promises';
import { storeProviderEvents, type Provider, type ProviderEvent } from '../database/provider-events.ts';
import { queues, workflowIds } from '../workflows/contracts.ts';
import type { providerEvents } from '../workflows/provider-events.ts';
import type { App } from './app.ts';

const BATCH = 500;
const WAKE_EVERY_MS = 100;
const LONGEST_PAUSE_MS = 30_000;
const SIGNAL_WITHIN_MS = 3000;

interface Waiting {
  event: ProviderEvent;
  stored: () => void;
  failed: (error: unknown) => void;
}

/**
 * Takes a provider's events from many requests at once: those that arrive while a statement is under way go into the next one. Then the
 * inbox workflow is woken, by one signal at a time and ten a second at most; while Temporal does not answer, more rarely each time.
 */
export class WebhookInbox {
  readonly #app: App;
  readonly #provider: Provider;
  readonly #closed = new AbortController();
  #waiting: Waiting[] = [];
  #storing = false;
  #waking = false;
  #woken: Promise<void> = Promise.resolve();
  #wakeAgain = false;

  constructor(app: App, provider: Provider) {
    this.#app = app;
    this.#provider = provider;
    app.addHook('onClose', async () => {
      this.#closed.abort();
      // the connection must not be closed under a signal that is being retried
      await this.#woken;
    });
  }

  /** Resolves once the event is committed, or was there before. */
  add(event: ProviderEvent): Promise<void> {
    return new Promise((stored, failed) => {
      this.#waiting.push({ event, stored, failed });
      if (!this.#storing) void this.#storeWaiting();
    });
  }

  async #storeWaiting(): Promise<void> {
    this.#storing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, BATCH);
      this.#waiting = this.#waiting.slice(BATCH);
      await this.#storeBatch(batch);
    }
    this.#storing = false;
  }

  async #storeBatch(batch: Waiting[]): Promise<void> {
    try {
      await storeProviderEvents(
        this.#app.orm.em.fork(),
        this.#provider,
        batch.map(({ event }) => event),
      );
    } catch (error) {
      // an event that the database does not take must not cost the others
      const separate = batch.length > 1 && isRefusedValue(error);
      if (separate) for (const one of batch) await this.#storeBatch([one]);
      else for (const { failed } of batch) failed(error);
      return;
    }
    for (const { stored } of batch) stored();
    this.#wakeAgain = true;
    if (!this.#waking) this.#woken = this.#wake();
  }

  async #wake(): Promise<void> {
    this.#waking = true;
    let pauseMs = WAKE_EVERY_MS;
    while (this.#wakeAgain && !this.#closed.signal.aborted) {
      this.#wakeAgain = false;
      try {
        await this.#signal();
        pauseMs = WAKE_EVERY_MS;
      } catch (error) {
        this.#app.log.warn({ err: error }, 'stored events wait: the inbox workflow cannot be woken');
        this.#wakeAgain = true;
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      }
      await this.#pause(pauseMs);
    }
    this.#waking = false;
  }

  async #signal(): Promise<void> {
    const { temporal } = this.#app;
    await temporal.withDeadline(Date.now() + SIGNAL_WITHIN_MS, () =>
      temporal.workflow.signalWithStart<typeof providerEvents>('providerEvents', {
        workflowId: workflowIds.providerEvents(this.#provider),
        taskQueue: queues.core,
        args: [{ provider: this.#provider }],
        signal: 'providerEventsStored',
        signalArgs: [],
        staticSummary: `Events from ${this.#provider}`,
      }),
    );
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closed;
    await sleep(ms, undefined, { ref: false, signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}

/** PostgreSQL's error class 22: the data is at fault. */
function isRefusedValue(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('22');
}
