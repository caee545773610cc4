import { ApplicationFailure } from '@temporalio/common';
import type { ProblemCode } from '../domain/problems.ts';
import type { StripeFailure } from '../providers/stripe/errors.ts';

/**
 * For calls that move no money and may simply be made again: `provider_unavailable`, tried again when the provider says so,
 * or not at all where it would be refused again.
 */
export function providerUnavailable(failure: StripeFailure): ApplicationFailure {
  const { kind, message, code, retryAfterMs, requestId } = failure;
  const type: ProblemCode = 'provider_unavailable';
  return ApplicationFailure.create({
    type,
    message: `Stripe: ${message}`,
    nonRetryable: kind === 'refused' || kind === 'auth',
    details: [{ kind, code, requestId }],
    cause: failure,
    ...(retryAfterMs !== undefined && { nextRetryDelay: retryAfterMs }),
  });
}
