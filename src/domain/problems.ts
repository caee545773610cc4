/** Every error that a client can be told, by its stable code: the HTTP status and a short title (RFC 9457). */
export const problems = {
  validation_failed: [400, 'The request is not valid'],
  unauthenticated: [401, 'Authentication is required'],
  totp_required: [401, 'A one-time code is required'],
  forbidden: [403, 'You may not do this'],
  not_found: [404, 'There is no such thing'],
  conflict: [409, 'It conflicts with what is there'],
  invalid_state: [409, 'It is not in a state that allows this'],
  email_taken: [409, 'This e-mail address is registered already'],
  payload_too_large: [413, 'The request is too large'],
  unsupported_media_type: [415, 'This content type is not accepted'],
  insufficient_balance: [422, 'The balance is not sufficient'],
  below_minimum: [422, 'The amount is below the minimum'],
  onboarding_incomplete: [422, 'Onboarding with the payment provider is not complete'],
  account_restricted: [422, 'The account is restricted'],
  kyc_required: [422, 'The identity has to be verified first'],
  campaign_full: [422, 'The campaign has no free slot'],
  campaign_not_open: [422, 'The campaign is not open'],
  budget_exhausted: [422, 'The budget is used up'],
  currency_mismatch: [422, 'The currency is another one'],
  idempotency_key_reused: [422, 'The idempotency key was used for another request'],
  rate_limited: [429, 'Too many requests'],
  internal_error: [500, 'Something went wrong on our side'],
  provider_unavailable: [502, 'A provider cannot be reached'],
  unavailable: [503, 'The service is not ready'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type ProblemCode = keyof typeof problems;

export interface FieldError {
  path: string;
  message: string;
}

/**
 * A refusal that the caller is told. Thrown in the API it becomes problem+json; an activity or a workflow update passes it on as an
 * `ApplicationFailure` whose type is the code.
 */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly errors: FieldError[];

  constructor(code: ProblemCode, detail: string, errors: FieldError[] = []) {
    super(detail);
    this.code = code;
    this.errors = errors;
  }

  get status(): number {
    return problems[this.code][0];
  }
}

export function isProblemCode(code: unknown): code is ProblemCode {
  return typeof code === 'string' && Object.hasOwn(problems, code);
}
