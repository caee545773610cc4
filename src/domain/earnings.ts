/** `pending` until the hold is over, then `locked`: payable. `external` is paid by somebody else and only tracked here. */
export const earningStatuses = ['pending', 'locked', 'paid', 'clawed_back', 'external'] as const;
export type EarningStatus = (typeof earningStatuses)[number];
