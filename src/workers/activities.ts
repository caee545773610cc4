import type { Client } from '@temporalio/client';
import type { MikroORM } from '@mikro-orm/postgresql';
import { createAccountActivities } from '../activities/accounts.ts';
import { createAccrualActivities } from '../activities/accrual.ts';
import { createCampaignActivities } from '../activities/campaigns.ts';
import { createEarningActivities } from '../activities/earnings.ts';
import { createHoldActivities } from '../activities/holds.ts';
import { createLedgerActivities } from '../activities/ledger.ts';
import { payoutEventHandler } from '../activities/payout-event-handler.ts';
import { createParticipationActivities } from '../activities/participations.ts';
import { createPayoutRunActivities } from '../activities/payout-runs.ts';
import { createPayoutActivities } from '../activities/payouts.ts';
import { createProviderEventActivities } from '../activities/provider-events.ts';
import type { Settings } from '../config.ts';
import type { StripeProvider } from '../providers/stripe/client.ts';

export interface ActivityDeps {
  orm: MikroORM;
  stripe: StripeProvider;
  client: Client;
  settings: Settings;
}

/** Every activity, with what it needs. Whoever writes a capability adds its line here. */
export function createActivities({
  orm,
  stripe,
  client,
  settings,
}: ActivityDeps): Record<string, (...args: never[]) => Promise<unknown>> {
  const payouts = { orm, stripe, client, finalityWindowMs: settings.finalityWindowMs };
  return {
    ...createLedgerActivities({ orm }),
    ...createAccountActivities({ orm, stripe }),
    ...createProviderEventActivities({ orm, stripe, onPayoutEvents: payoutEventHandler({ orm, client }) }),
    ...createCampaignActivities({ orm, client }),
    ...createParticipationActivities({ orm }),
    ...createAccrualActivities({ orm }),
    ...createHoldActivities({ orm, client }),
    ...createEarningActivities({ orm }),
    ...createPayoutActivities(payouts),
    ...createPayoutRunActivities({ ...payouts, minimum: settings.payoutMinimum }),
  };
}
