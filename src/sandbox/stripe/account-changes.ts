/** Every change of an account's facts, with the events that Stripe sends for what became different. */
import type Stripe from 'stripe';
import { viewAccount, viewCapability } from './account-view.ts';
import type { Box } from './box.ts';
import { missing, noAccess } from './errors.ts';
import type { AccountRecord } from './state.ts';

/** The connected account, if the platform may use it. @throws StripeFailure */
export function accountOf(box: Box, id: string): AccountRecord {
  const record = box.state.accounts.get(id);
  if (!record || record.gone) throw noAccess(id);
  return record;
}

/** The account that a transfer names. @throws StripeFailure */
export function destinationOf(box: Box, id: string): AccountRecord {
  const record = box.state.accounts.get(id);
  if (!record || record.gone) throw missing('destination', id, 'destination', 400);
  return record;
}

/**
 * Runs `change`, which may alter the account's record and its bank accounts, and sends `capability.updated` and
 * `account.updated` where the account looks different after it. Answers what `change` does.
 */
export function changeAccount<T>(box: Box, id: string, change: () => T, request?: Stripe.Event.Request): T {
  const was = accountOf(box, id);
  const before = viewAccount(box.state, was);
  const result = change();
  const is = accountOf(box, id);
  const after = viewAccount(box.state, is);
  const cause = request ? { request } : {};
  for (const capability of Object.keys(is.requested)) {
    const { status } = viewCapability(was, capability);
    const object = viewCapability(is, capability);
    if (status === object.status) continue;
    box.feed.emit({ type: 'capability.updated', account: id, object, previous: { status }, ...cause });
  }
  const previous = differences(before, after);
  if (Object.keys(previous).length > 0) {
    box.feed.emit({ type: 'account.updated', account: id, object: after, previous, ...cause });
  }
  return result;
}

/** The top-level attributes of `before` that `after` has otherwise. */
export function differences(before: object, after: object): Record<string, unknown> {
  const now = new Map(Object.entries(after));
  return Object.fromEntries(
    Object.entries(before).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(now.get(key))),
  );
}
