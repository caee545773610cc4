/** What may happen to a creator's participation in a campaign. */
export const participationStatuses = ['applied', 'approved', 'active', 'completed', 'paid', 'rejected'] as const;
export type ParticipationStatus = (typeof participationStatuses)[number];

/** Each decision with the statuses that it leaves from and the one that it leads to. */
export const participationSteps = {
  approve: { from: ['applied'], to: 'approved' },
  reject: { from: ['applied'], to: 'rejected' },
  activate: { from: ['approved'], to: 'active' },
  complete: { from: ['active'], to: 'completed' },
} as const satisfies Record<string, { from: ParticipationStatus[]; to: ParticipationStatus }>;
export type ParticipationStep = keyof typeof participationSteps;

/** Its creator works on it: posts are taken and counts are reported. */
export const openStatuses = ['approved', 'active'] as const satisfies ParticipationStatus[];

/** Has a place in the campaign, for ever. */
export const seatedStatuses = ['approved', 'active', 'completed', 'paid'] as const satisfies ParticipationStatus[];
