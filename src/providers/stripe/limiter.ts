/** Stripe limits by token buckets, so a short burst that makes up for lost time is let through. */
const CATCH_UP_MS = 200;

/** Stays just under the limit: clocks and networks are not exact. */
const HEADROOM = 0.99;

interface Waiter {
  go: () => void;
  stop: (reason: unknown) => void;
}

/**
 * Lets callers pass one by one, first come first served, evenly paced at `perSecond`. A late timer is made up for within
 * {@link CATCH_UP_MS}; idle time is not saved up beyond that. With 0 everybody passes at once.
 */
export class PaceLimiter {
  readonly #intervalMs: number;
  readonly #queue: Waiter[] = [];
  #nextAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(perSecond: number) {
    this.#intervalMs = perSecond === 0 ? 0 : 1000 / (perSecond * HEADROOM);
  }

  /** Resolves when it is the caller's turn. Rejects with the signal's reason when it aborts before that. */
  async turn(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#queue.length === 0 && this.#take(performance.now())) return;
    await new Promise<void>((resolve, reject) => {
      const abort = () => {
        this.#queue.splice(this.#queue.indexOf(waiter), 1);
        waiter.stop(signal?.reason);
      };
      const waiter: Waiter = {
        go: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
        stop: reject,
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#queue.push(waiter);
      this.#schedule();
    });
  }

  /** Nobody passes for so long: the other side said that it has had enough. */
  holdBack(ms: number): void {
    this.#nextAt = Math.max(this.#nextAt, performance.now() + ms);
  }

  #take(now: number): boolean {
    if (now < this.#nextAt) return false;
    this.#nextAt = Math.max(this.#nextAt, now - CATCH_UP_MS) + this.#intervalMs;
    return true;
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#queue.length === 0) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        const now = performance.now();
        while (this.#queue.length > 0 && this.#take(now)) this.#queue.shift()!.go();
        this.#schedule();
      },
      Math.max(0, this.#nextAt - performance.now()),
    );
  }
}
