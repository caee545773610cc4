import Stripe from 'stripe';

/**
 * What a failed call tells about the money:
 * - `refused`: Stripe answered and did nothing; asking the same again is refused again until something changes.
 * - `rate_limited`: Stripe did nothing; ask again later.
 * - `unavailable_before_send`: the request never left.
 * - `auth`: our key is not accepted; nothing was done.
 * - `unknown`: it may have been done. Look it up before anything is tried again.
 */
export type StripeFailureKind = 'refused' | 'rate_limited' | 'unknown' | 'unavailable_before_send' | 'auth';

interface FailureDetails {
  kind: StripeFailureKind;
  /** Stripe's error code, such as `balance_insufficient`, or the transport's, such as `ETIMEDOUT`. */
  code: string;
  message: string;
  retryAfterMs?: number | undefined;
  httpStatus?: number | undefined;
  /** Names the request in Stripe's own logs. */
  requestId?: string | undefined;
  replayed?: boolean;
  cause?: unknown;
}

/** The only error that a call to Stripe ends with. */
export class StripeFailure extends Error {
  override readonly name = 'StripeFailure';
  readonly kind: StripeFailureKind;
  readonly code: string;
  readonly retryAfterMs: number | undefined;
  readonly httpStatus: number | undefined;
  readonly requestId: string | undefined;
  /** The idempotency key's first answer, given again: the same key never gets another, so what it did is final and can be looked up. */
  readonly replayed: boolean;

  constructor(details: FailureDetails) {
    const { kind, code, message, retryAfterMs, httpStatus, requestId, replayed = false, cause } = details;
    super(message, { cause });
    this.kind = kind;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
    this.httpStatus = httpStatus;
    this.requestId = requestId;
    this.replayed = replayed;
  }
}

/** A programming error, such as an amount that is none, stays what it is. */
export function toStripeFailure(error: unknown): unknown {
  if (!(error instanceof Stripe.errors.StripeError)) return error;
  const transport = error instanceof Stripe.errors.StripeConnectionError ? error.detail : undefined;
  return new StripeFailure({
    kind: kindOf(error),
    code: error.code ?? transportCode(transport) ?? error.rawType ?? 'no_answer',
    message: error.message,
    retryAfterMs: retryAfterMs(error),
    httpStatus: error.statusCode,
    requestId: error.requestId,
    replayed: error.headers?.['idempotent-replayed'] === 'true',
    cause: error,
  });
}

function kindOf(error: Stripe.errors.StripeError): StripeFailureKind {
  if (error instanceof Stripe.errors.StripeConnectionError) {
    return wasNeverSent(error.detail) ? 'unavailable_before_send' : 'unknown';
  }
  // the key was used for something else: what that did has to be looked up
  if (error instanceof Stripe.errors.StripeIdempotencyError) return 'unknown';
  if (error instanceof Stripe.errors.StripeRateLimitError) return 'rate_limited';
  switch (error.statusCode) {
    case 400:
    case 402:
    case 403:
    case 404:
      return 'refused';
    case 401:
      return 'auth';
    default:
      return 'unknown';
  }
}

const NEVER_SENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'];

interface TransportError {
  code?: unknown;
  syscall?: unknown;
  cause?: unknown;
}

/** The connection was not even made: the name did not resolve, nobody listened, or no route led there. */
function wasNeverSent(detail: unknown): boolean {
  const { code, syscall } = origin(detail);
  return NEVER_SENT.includes(String(code)) || syscall === 'connect';
}

function transportCode(detail: unknown): string | undefined {
  const { code } = origin(detail);
  return typeof code === 'string' ? code : undefined;
}

function origin(detail: unknown): TransportError {
  if (typeof detail !== 'object' || detail === null) return {};
  const error: TransportError = detail;
  return error.code === undefined ? origin(error.cause) : error;
}

function retryAfterMs(error: Stripe.errors.StripeError): number | undefined {
  const seconds = Number(error.headers?.['retry-after']);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}
