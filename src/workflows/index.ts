/** What the workers run: every workflow of the platform. */
export * from './payout.ts';
export * from './payout-run.ts';
export * from './watch.ts';
