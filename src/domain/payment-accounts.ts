/** What a creator's account with a payment provider allows, from the facts that the provider reports. */

export type PaymentAccountStatus = 'none' | 'pending' | 'restricted' | 'active';

export interface AccountFacts {
  detailsSubmitted: boolean;
  payoutsEnabled: boolean;
  /** May receive money from the platform. */
  transfersEnabled: boolean;
  currentlyDue: readonly string[];
  pastDue: readonly string[];
  disabledReason: string | null;
}

/** The provider is looking at it; the owner can only wait. */
const WAITING = ['requirements.pending_verification', 'under_review'];

/** Set by us when the provider no longer lets the platform use the account. */
export const ACCESS_LOST = 'platform_access_lost';

/**
 * - `pending`: onboarding is not finished, or the provider is still checking what was given.
 * - `restricted`: the owner must act, or the provider has closed the account.
 * - `active`: money can be sent to it and on to the bank.
 */
export function accountStatus(facts: AccountFacts): Exclude<PaymentAccountStatus, 'none'> {
  const { detailsSubmitted, payoutsEnabled, transfersEnabled, pastDue, disabledReason } = facts;
  if (disabledReason === ACCESS_LOST || disabledReason?.startsWith('rejected.')) return 'restricted';
  if (!detailsSubmitted) return 'pending';
  if (payoutsEnabled && transfersEnabled) return 'active';
  const waits = disabledReason === null || WAITING.includes(disabledReason);
  return waits && pastDue.length === 0 ? 'pending' : 'restricted';
}

/** What the provider asks for, most urgent first, each once. */
export function requirementsOf({ currentlyDue, pastDue }: Pick<AccountFacts, 'currentlyDue' | 'pastDue'>): string[] {
  return [...new Set([...pastDue, ...currentlyDue])];
}

/** An http(s) address, of one of `hosts` (`example.com` or `localhost:3000`) where any are given. */
export function isReturnUrl(text: string, hosts: readonly string[]): boolean {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) return false;
  return hosts.length === 0 || hosts.includes(url.host) || hosts.includes(url.hostname);
}
