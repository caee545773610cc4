import { Context } from '@temporalio/activity';
import type { PaymentAccountStatus } from '../domain/payment-accounts.ts';
import { Problem, type ProblemCode } from '../domain/problems.ts';
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

    /**
     * Opens the creator's account if there is none and makes a link to the page where they complete it. Errors: those of
     * {@link openAccount}, and `account_restricted` for an account that Stripe gives no link to.
     */
    async onboard(input: OnboardInput): Promise<Onboarding> {
      const signal = Context.current().cancellationSignal;
      const { id: accountId, status } = await openAccount(deps, input, signal);
      const returnUrl = `${input.callbackUrl}?account=${encodeURIComponent(accountId)}`;
      const link = { account: accountId, returnUrl, refreshUrl: input.refreshUrl ?? returnUrl };
      const { url } = await stripe.createAccountLink(link, signal).catch(refuseAs('account_restricted'));
      return { accountId, url, status };
    },

    /** The address of the creator's dashboard at Stripe. Errors: `onboarding_incomplete` where there is none. */
    async dashboardLink(accountId: string): Promise<string> {
      const signal = Context.current().cancellationSignal;
      const { url } = await stripe.createLoginLink(accountId, signal).catch(refuseAs('onboarding_incomplete'));
      return url;
    },
  };
}

/** What Stripe refuses is the caller's problem; otherwise Stripe is. */
function refuseAs(code: ProblemCode): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof StripeFailure)) throw error;
    throw error.kind === 'refused' ? new Problem(code, error.message) : providerUnavailable(error);
  };
}
