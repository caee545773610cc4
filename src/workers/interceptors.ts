import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { Problem, problems } from '../domain/problems.ts';
import { LedgerError } from '../ledger/errors.ts';
import { StripeFailure } from '../providers/stripe/errors.ts';

/**
 * The one boundary at which an activity's errors become Temporal failures. A refusal that its caller is told and what the ledger refuses
 * are final; anything else is tried again.
 */
export const activityErrors = (): ActivityInboundCallsInterceptor => ({
  async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>): Promise<unknown> {
    try {
      return await next(input);
    } catch (error) {
      throw toFailure(error);
    }
  },
});

function toFailure(error: unknown): unknown {
  if (error instanceof Problem) {
    const retryable = problems[error.code][0] >= 500;
    return ApplicationFailure.create({
      type: error.code,
      message: error.message,
      nonRetryable: !retryable,
      cause: error,
    });
  }
  if (error instanceof LedgerError) {
    // a guarded account may be in use by another transaction's payout for a moment
    return ApplicationFailure.create({
      type: error.name,
      message: error.message,
      nonRetryable: Context.current().info.attempt >= 5,
      cause: error,
    });
  }
  if (error instanceof StripeFailure) {
    return ApplicationFailure.create({
      type: `Stripe.${error.kind}`,
      message: error.message,
      details: [{ code: error.code, requestId: error.requestId }],
      ...(error.retryAfterMs !== undefined && { nextRetryDelay: error.retryAfterMs }),
      cause: error,
    });
  }
  return error;
}
