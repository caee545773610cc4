/**
 * Token bucket per endpoint: one second's worth of requests and a tenth against jitter may come at once, and
 * `perSecond` come back every second, so that a client which keeps to the rate is never refused.
 */
export class RateLimiter {
  readonly #perSecond: number;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  /** 0: no limit. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** False: one too many. */
  take(endpoint: string, now = performance.now()): boolean {
    if (this.#perSecond === 0) return true;
    const capacity = Math.max(this.#perSecond * 1.1, 1);
    const bucket = this.#buckets.get(endpoint) ?? { tokens: capacity, at: now };
    bucket.tokens = Math.min(capacity, bucket.tokens + ((now - bucket.at) / 1000) * this.#perSecond);
    bucket.at = now;
    this.#buckets.set(endpoint, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
