import type { App } from './app.ts';
import { payoutRunRoutes } from './payout-runs.ts';
import { payoutRoutes } from './payouts.ts';

/** Every resource of the API. */
export const resources: ((app: App) => void)[] = [payoutRoutes, payoutRunRoutes];
