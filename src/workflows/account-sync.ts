import { proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { AccountActivities, OnboardInput, Onboarding } from '../activities/accounts.ts';
import type { PaymentAccountStatus } from '../domain/payment-accounts.ts';
import { stripeRead } from './presets.ts';

/** A person is waiting for the answer: a few quick tries, then they are told. */
const { onboard, dashboardLink, syncAccount } = proxyActivities<AccountActivities>({
  ...stripeRead,
  startToCloseTimeout: '10s',
  scheduleToCloseTimeout: '25s',
  retry: { ...stripeRead.retry, maximumInterval: '5s', maximumAttempts: 5 },
});

export interface OnboardingRequest extends OnboardInput {
  /** Of what was asked for: a request that joined another one's run sees that the link is not its own. */
  digest: string;
}

/** A link for a creator to their Stripe onboarding; opens the account first where there is none. */
export async function onboarding({ digest, ...input }: OnboardingRequest): Promise<Onboarding & { digest: string }> {
  const result = await onboard(input);
  setCurrentDetails(`Account ${result.accountId} is **${result.status}**; a link was made.`);
  return { ...result, digest };
}

/** Reads an account from Stripe and stores how it stands. */
export async function accountSync({ accountId }: { accountId: string }): Promise<PaymentAccountStatus> {
  const status = await syncAccount(accountId);
  setCurrentDetails(`Account ${accountId} is **${status}**.`);
  return status;
}

export async function accountDashboard({ accountId }: { accountId: string }): Promise<string> {
  return dashboardLink(accountId);
}
