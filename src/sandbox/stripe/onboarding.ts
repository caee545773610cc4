/** What a person does on Stripe's side of a connected account: finish onboarding, be restricted, leave the platform. */
import type Stripe from 'stripe';
import { accountOf, changeAccount } from './account-changes.ts';
import { viewAccount } from './account-view.ts';
import { repairBanks, replaceBank } from './banks.ts';
import type { Box } from './box.ts';

/** Finishes onboarding or lifts a restriction. `number` replaces the bank account. @throws StripeFailure */
export function completeAccount(box: Box, id: string, number: string | undefined): Stripe.Account {
  const record = accountOf(box, id);
  const { country, defaultCurrency: currency } = record;
  return changeAccount(box, id, () => {
    if (number === undefined) repairBanks(box, id, country, currency);
    else replaceBank(box, id, { number, country, currency });
    return viewAccount(box.state, box.state.accounts.replace({ ...record, submitted: true, restricted: false }));
  });
}

/** Asks for a document, and stops transfers and payouts until it is complete again. @throws StripeFailure */
export function restrictAccount(box: Box, id: string): Stripe.Account {
  const record = accountOf(box, id);
  return changeAccount(box, id, () =>
    viewAccount(box.state, box.state.accounts.replace({ ...record, restricted: true })),
  );
}

/** The account disconnects from the platform, which loses access to it. @throws StripeFailure */
export function deauthorizeAccount(box: Box, id: string): Stripe.Account {
  const record = accountOf(box, id);
  const application = { id: 'ca_1SandboxPlatform', object: 'application', name: 'Sandbox platform' };
  box.feed.emit({ type: 'account.application.deauthorized', account: id, object: application });
  return viewAccount(box.state, box.state.accounts.replace({ ...record, gone: true }));
}
