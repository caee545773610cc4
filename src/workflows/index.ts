/** What the workers run: every workflow of the platform. */
export * from './account-sync.ts';
export * from './accrual.ts';
export * from './campaign.ts';
export * from './earnings-hold.ts';
export * from './participation.ts';
export * from './payout.ts';
export * from './payout-run.ts';
export * from './provider-events.ts';
export * from './watch.ts';
