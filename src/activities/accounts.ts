import { Context } from '@temporalio/activity';
import type { PaymentAccountStatus } from '../domain/payment-accounts.ts';
import { Problem } from '../domain/problems.ts';
import { StripeFailure } from '../providers/stripe/errors.ts';
import { openAccount, type OpenAccountInput } from './account-opening.ts';
import { syncAccounts, type AccountDeps } from './account-sync.ts';
import { providerUnavailable } from './provider-failures.ts';

export interface OnboardInput extends OpenAccountInput {
  /** Ours, without the account; Stripe sends the creator there when they leave its pages. */
  callbackUrl: string;
  /** Where Stripe sends the creator for a new link when this one has expired; null: to the callback. */
  refreshUrl: string | null;
}

export interface Onboarding {
  accountId: string;
  url: string;
  status: PaymentAccountStatus;
}

export type AccountActivities = ReturnType<typeof createAccountActivities>;

/** What a creator and Stripe need of each other. Each may run twice. All end with `provider_unavailable` when Stripe does not answer. */
export function createAccountActivities(deps: AccountDeps) {
  const { stripe } = deps;

  /** The status as Stripe has it now. Errors: `not_found` for an account that is not ours. */
  async function syncAccount(accountId: string): Promise<PaymentAccountStatus> {
    const { statuses, failures } = await syncAccounts(deps, [accountId], {
      signal: Context.current().cancellationSignal,
    });
    const failure = failures.get(accountId);
    if (failure) throw providerUnavailable(failure);
    const status = statuses.get(accountId);
    if (status === undefined) throw new Problem('not_found', `There is no account ${accountId}`);
    return status;
  }

  return {
    syncAccount,

    /** Opens the creator's account if there is none and makes a link to the page where they complete it. */
    async onboard(input: OnboardInput): Promise<Onboarding> {
      const signal = Context.current().cancellationSignal;
      const accountId = await openAccount(deps, input, signal);
      const returnUrl = `${input.callbackUrl}?account=${encodeURIComponent(accountId)}`;
      const link = { account: accountId, returnUrl, refreshUrl: input.refreshUrl ?? returnUrl };
      const [status, { url }] = await Promise.all([
        syncAccount(accountId),
        stripe.createAccountLink(link, signal).catch(refuse),
      ]);
      return { accountId, url, status };
    },

    /** The address of the creator's dashboard at Stripe. Errors: `onboarding_incomplete` when Stripe refuses to show it. */
    async dashboardLink(accountId: string): Promise<string> {
      const { url } = await stripe
        .createLoginLink(accountId, Context.current().cancellationSignal)
        .catch((error: unknown) => {
          const refused = error instanceof StripeFailure && error.kind === 'refused';
          if (refused) throw new Problem('onboarding_incomplete', error.message);
          return refuse(error);
        });
      return url;
    },
  };
}

function refuse(error: unknown): never {
  throw error instanceof StripeFailure ? providerUnavailable(error) : error;
}
