import http from 'node:http';
import https from 'node:https';
import Stripe from 'stripe';
import { StripeFailure, toStripeFailure } from './errors.ts';
import { PaceLimiter } from './limiter.ts';

export interface StripeSettings {
  secretKey: string;
  /** Another server that speaks Stripe's protocol; undefined: Stripe itself. */
  apiBase: string | undefined;
  /** Requests per second to one endpoint; 0: no limit. */
  rateLimit: number;
  /** Of one request; 30 s unless told. */
  timeoutMs?: number;
}

/** Sends one request when the endpoint's pace allows it. An abort before that sends nothing; after that the outcome is unknown. */
export type Send = <T>(
  endpoint: string,
  request: (stripe: Stripe) => Promise<T>,
  signal: AbortSignal | undefined,
) => Promise<T>;

const HOLD_BACK_MS = 1000;

/** The official client without its own repetitions, behind one pace per endpoint. Every failure is a {@link StripeFailure}. */
export function openConnection(settings: StripeSettings): { send: Send; close: () => void } {
  const { secretKey, rateLimit, timeoutMs = 30_000 } = settings;
  const base = new URL(settings.apiBase ?? 'https://api.stripe.com');
  const protocol = base.protocol === 'http:' ? 'http' : 'https';
  const agent = new (protocol === 'http' ? http : https).Agent({ keepAlive: true, noDelay: true });
  const stripe = new Stripe(secretKey, {
    host: base.hostname,
    port: base.port === '' ? (protocol === 'http' ? 80 : 443) : Number(base.port),
    protocol,
    timeout: timeoutMs,
    maxNetworkRetries: 0,
    telemetry: false,
    httpClient: sendingOnce(Stripe.createNodeHttpClient(agent)),
  });
  const limiters = new Map<string, PaceLimiter>();

  async function send<T>(
    endpoint: string,
    request: (stripe: Stripe) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    let limiter = limiters.get(endpoint);
    if (!limiter) limiters.set(endpoint, (limiter = new PaceLimiter(rateLimit)));
    try {
      await limiter.turn(signal);
    } catch (cause) {
      throw aborted('unavailable_before_send', cause);
    }
    try {
      return await untilAborted(request(stripe), signal);
    } catch (error) {
      const failure = toStripeFailure(error);
      if (failure instanceof StripeFailure && failure.kind === 'rate_limited') {
        limiter.holdBack(failure.retryAfterMs ?? HOLD_BACK_MS);
      }
      throw failure;
    }
  }

  return {
    send,
    close: () => {
      agent.destroy();
    },
  };
}

/**
 * The official client sends a request a second time, whatever its settings say, when the connection was reset. That is for
 * our callers to decide, so the code that it looks for is hidden from it in the error's cause.
 */
function sendingOnce(client: Stripe.HttpClient): Stripe.HttpClient {
  return {
    getClientName: () => client.getClientName(),
    makeRequest: async (...request) => {
      try {
        return await client.makeRequest(...request);
      } catch (error) {
        if (!Stripe.HttpClient.CONNECTION_CLOSED_ERROR_CODES.includes(codeOf(error))) throw error;
        throw new Error('The connection was closed before the answer came', { cause: error });
      }
    },
  };
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

function untilAborted<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return answer;
  return new Promise<T>((resolve, reject) => {
    const abort = () => {
      reject(aborted('unknown', signal.reason));
    };
    const settle = <V>(done: (value: V) => void) => {
      return (value: V) => {
        signal.removeEventListener('abort', abort);
        done(value);
      };
    };
    signal.addEventListener('abort', abort, { once: true });
    answer.then(settle(resolve), settle(reject));
  });
}

function aborted(kind: 'unknown' | 'unavailable_before_send', cause: unknown): StripeFailure {
  return new StripeFailure({ kind, code: 'aborted', message: 'The call to Stripe was given up', cause });
}
