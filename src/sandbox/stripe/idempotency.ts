/**
 * Stripe's rules for `Idempotency-Key` on POST: the first answer is kept once execution began, a 500 too, for 24 hours
 * and per account. Refusals before execution, 429 and conflicts are not kept.
 */
import { StripeFailure } from './errors.ts';
import { canonical, decodeForm } from './form.ts';
import { isExpired, type StoredAnswer, type StripeState } from './state.ts';

export interface KeyedRequest {
  account: string;
  key: string;
  /** Method and path. */
  endpoint: string;
  /** The form as it was sent. */
  params: string;
}

export class IdempotencyKeys {
  readonly #state: StripeState;
  readonly #inProgress = new Set<string>();

  constructor(state: StripeState) {
    this.#state = state;
  }

  /**
   * The answer to replay, or undefined when the request shall be executed; then {@link release} must follow.
   * @throws StripeFailure when the key is in use or was used for something else.
   */
  claim(request: KeyedRequest): StoredAnswer | undefined {
    const id = recordId(request);
    if (request.key.length > 255) {
      throw new StripeFailure('Idempotency keys can have up to 255 characters.', {
        type: 'idempotency_error',
        executed: false,
      });
    }
    if (this.#inProgress.has(id)) throw inUse(request.key);
    const answer = this.#state.answers.get(id);
    if (answer && !isExpired(answer)) {
      checkSame(answer, request);
      return answer;
    }
    this.#inProgress.add(id);
    return undefined;
  }

  keep(request: KeyedRequest, answer: { status: number; body: string; requestId: string }): void {
    const { endpoint, params } = request;
    this.#state.answers.put({ id: recordId(request), endpoint, params, ...answer, at: Date.now() });
  }

  release(request: KeyedRequest): void {
    this.#inProgress.delete(recordId(request));
  }
}

function recordId({ account, key }: KeyedRequest): string {
  return `${account} ${key}`;
}

function checkSame(answer: StoredAnswer, { key, endpoint, params }: KeyedRequest): void {
  if (answer.endpoint !== endpoint) {
    throw reused(`endpoint they were first used for ('${endpoint}' vs '${answer.endpoint}')`, key);
  }
  if (answer.params === params || canonical(decodeForm(answer.params)) === canonical(decodeForm(params))) return;
  throw reused('parameters they were first used with', key);
}

function reused(same: string, key: string): StripeFailure {
  return new StripeFailure(
    `Keys for idempotent requests can only be used with the same ${same}. ` +
      `Try using a key other than '${key}' if you meant to execute a different request.`,
    { type: 'idempotency_error', executed: false },
  );
}

function inUse(key: string): StripeFailure {
  return new StripeFailure(
    `There is currently another in-progress request using this Idempotent Key (${key}). Please try again later.`,
    {
      status: 409,
      type: 'idempotency_error',
      code: 'idempotency_key_in_use',
      headers: { 'stripe-should-retry': 'true' },
      executed: false,
    },
  );
}
