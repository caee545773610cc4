/** Where earnings come from; each has its own fee and hold. */
export const sourceTypes = ['campaign', 'api_usage', 'subscription', 'referral', 'view', 'tip'] as const;
export type SourceType = (typeof sourceTypes)[number];

const DAY_MS = 86_400_000;

/**
 * When something earned at `earnedAt` can be paid out, after a hold of `holdMs`. Holds of a day or more end at the next midnight UTC, so
 * that what a creator earns in a day is released together.
 */
export function releaseAt(earnedAt: Date, holdMs: number): Date {
  const exact = earnedAt.getTime() + holdMs;
  return new Date(holdMs >= DAY_MS ? Math.ceil(exact / DAY_MS) * DAY_MS : exact);
}
