/** Contract statuses of a payout. Which step may follow which is enforced by the database. */
export type PayoutStatus =
  | 'pending'
  | 'approved'
  | 'rejected'
  | 'processing'
  | 'in_transit'
  | 'completed'
  | 'held'
  | 'outcome_unknown'
  | 'failed'
  | 'canceled'
  | 'reversed';

/** Why a creator is not paid by a run, in the order in which they are looked at. */
export const skipReasons = [
  'banned',
  'onboarding_incomplete',
  'account_restricted',
  'kyc_required',
  'tax_form_required',
  'payee_change_cooling_off',
  'disputed',
  'below_minimum',
  'schedule_not_due',
  'payout_in_progress',
] as const;

export type PayoutSchedule = 'monthly' | 'biweekly' | 'weekly';

const DAY_MS = 86_400_000;

/** The period that a run belongs to: `2026-12` for a monthly one, `2026-W49` (ISO 8601) for the others. */
export function periodOf(schedule: PayoutSchedule | 'manual', at: Date): string {
  if (schedule === 'monthly' || schedule === 'manual') return at.toISOString().slice(0, 7);
  const thursday = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()));
  thursday.setUTCDate(thursday.getUTCDate() + 4 - (thursday.getUTCDay() || 7));
  const yearStart = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  const week = Math.ceil(((thursday.getTime() - yearStart) / DAY_MS + 1) / 7);
  return `${thursday.getUTCFullYear()}-W${String(week).padStart(2, '0')}`;
}

/** A Monday from which every second week counts. */
const BIWEEKLY_EPOCH = Date.UTC(2026, 0, 5);

/** Milliseconds since the epoch of the first biweekly run, the phase of its Temporal interval. */
export const biweeklyOffsetMs = BIWEEKLY_EPOCH % (14 * DAY_MS);

/** When a schedule runs next after `now`, at 00:00 UTC: the first of the month, or a Monday. */
export function nextRunAt(schedule: PayoutSchedule, now: Date): Date {
  if (schedule === 'monthly') return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1));
  const step = schedule === 'weekly' ? 7 * DAY_MS : 14 * DAY_MS;
  const passed = Math.floor((now.getTime() - BIWEEKLY_EPOCH) / step);
  return new Date(BIWEEKLY_EPOCH + (passed + 1) * step);
}

/** Refusals that pass by themselves: tried again with growing pauses before a person is asked. */
const TRANSIENT_FAILURES = new Set([
  'balance_insufficient',
  'lock_timeout',
  'rate_limit',
  'api_error',
  'provider_unavailable',
]);

export function isTransientFailure(code: string | null): boolean {
  return code !== null && TRANSIENT_FAILURES.has(code);
}

/** Names one attempt at one step to the provider, for ever: the same after a crash, a reset or a replay. */
export function attemptKey(payoutId: string, step: 'transfer' | 'bank_payout' | 'reversal', attempt: number): string {
  return `payout:${payoutId}:${step}:${attempt}`;
}

/** Groups what one attempt moved, so that it can be looked up at the provider. */
export function transferGroup(payoutId: string, attempt: number): string {
  return `payout:${payoutId}:${attempt}`;
}

/** Stripe keeps idempotency keys for at least 24 hours; older ones are never sent again without a look-up. */
export const KEY_LIFETIME_MS = 23 * 3_600_000;
