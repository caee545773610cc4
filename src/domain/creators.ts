/** How often a creator is paid; `manual` is paid on request only. */
export const payoutSchedules = ['monthly', 'biweekly', 'weekly', 'manual'] as const;
export type PayoutSchedule = (typeof payoutSchedules)[number];

export const creatorStatuses = ['active', 'banned', 'deleted'] as const;
export type CreatorStatus = (typeof creatorStatuses)[number];
