import { accountRoutes } from './accounts.ts';
import type { App } from './app.ts';
import { apiKeyRoutes } from './api-keys.ts';
import { authRoutes } from './auth.ts';
import { campaignRoutes } from './campaigns.ts';
import { campaignStepRoutes } from './campaign-steps.ts';
import { codecRoutes } from './codec.ts';
import { creatorProfileRoutes } from './creator-profile.ts';
import { creatorRoutes } from './creators.ts';
import { earningPolicyRoutes } from './earning-policies.ts';
import { earningRoutes } from './earnings.ts';
import { healthRoutes } from './health.ts';
import { metricRoutes } from './metrics.ts';
import { participationRoutes } from './participations.ts';
import { payoutRunRoutes } from './payout-runs.ts';
import { payoutRoutes } from './payouts.ts';
import { webhookRoutes } from './webhooks.ts';
import { userRoutes } from './users.ts';

/** Every resource of the API. */
export const resources: ((app: App) => void)[] = [
  healthRoutes,
  authRoutes,
  userRoutes,
  apiKeyRoutes,
  creatorRoutes,
  creatorProfileRoutes,
  accountRoutes,
  webhookRoutes,
  campaignRoutes,
  campaignStepRoutes,
  participationRoutes,
  metricRoutes,
  earningRoutes,
  earningPolicyRoutes,
  payoutRoutes,
  payoutRunRoutes,
  codecRoutes,
];
