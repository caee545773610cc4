import Stripe from 'stripe';
import { toEvent } from './transform.ts';
import type { StripeEvent } from './types.ts';

const TOLERANCE_S = 300;

/** The event of a webhook that one of `secrets` signed within the last 5 minutes; undefined for any other. */
export function verifyWebhook(
  rawBody: Buffer,
  signature: string | undefined,
  secrets: readonly string[],
): StripeEvent | undefined {
  if (signature === undefined) return undefined;
  for (const secret of secrets) {
    try {
      return toEvent(Stripe.webhooks.constructEvent(rawBody, signature, secret, TOLERANCE_S));
    } catch (error) {
      const isForged = error instanceof Stripe.errors.StripeSignatureVerificationError;
      if (!isForged) throw error;
    }
  }
  return undefined;
}
