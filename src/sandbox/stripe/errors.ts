/** Stripe's error bodies (docs.stripe.com/api/errors, /error-codes). */

export interface StripeErrorBody {
  type: 'invalid_request_error' | 'api_error' | 'idempotency_error';
  message: string;
  code?: string;
  param?: string;
  doc_url?: string;
}

interface FailureOptions {
  status?: number;
  type?: StripeErrorBody['type'];
  code?: string;
  param?: string | undefined;
  headers?: Record<string, string>;
  /** Whether execution had begun, so that the idempotency key keeps this answer. */
  executed?: boolean;
}

/** An answer that is an error. By default a 400 from within execution. */
export class StripeFailure extends Error {
  override readonly name = 'StripeFailure';
  readonly status: number;
  readonly body: { error: StripeErrorBody };
  readonly headers: Record<string, string>;
  readonly executed: boolean;

  constructor(message: string, options: FailureOptions = {}) {
    super(message);
    const { status = 400, type = 'invalid_request_error', code, param, headers = {}, executed = true } = options;
    this.status = status;
    this.headers = headers;
    this.executed = executed;
    this.body = {
      error: {
        ...(code === undefined
          ? {}
          : { code, doc_url: `https://docs.stripe.com/error-codes#${code.replaceAll('_', '-')}` }),
        message,
        ...(param === undefined ? {} : { param }),
        type,
      },
    };
  }
}

/** A parameter refused before execution begins. */
export function refusal(message: string, param: string, code?: string): StripeFailure {
  return new StripeFailure(message, { param, executed: false, ...(code === undefined ? {} : { code }) });
}

/** `status` 404 for the object that the URL names, 400 for one that a parameter names. */
export function missing(noun: string, id: string, param: string, status: 400 | 404 = 404): StripeFailure {
  return new StripeFailure(`No such ${noun}: '${id}'`, { status, code: 'resource_missing', param });
}

export function noAccess(account: string): StripeFailure {
  return new StripeFailure(
    `The provided key does not have access to account '${account}' (or that account does not exist). ` +
      'Application access may have been revoked.',
    { status: 403, code: 'account_invalid', executed: false },
  );
}

export function insufficientFunds(message: string): StripeFailure {
  return new StripeFailure(message, { code: 'balance_insufficient' });
}
