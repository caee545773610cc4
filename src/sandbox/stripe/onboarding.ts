/** What a person does on Stripe's side of a connected account: finish onboarding, be restricted, leave the platform. */
import type Stripe from 'stripe';
import { changeAccount } from './account-changes.ts';
import { repairBanks, replaceBank } from './banks.ts';
import type { Box } from './box.ts';
import type { AccountRecord } from './state.ts';

/** Finishes onboarding or lifts a restriction. `number` replaces the bank account. @throws StripeFailure */
export function completeAccount(box: Box, id: string, number: string | undefined): Stripe.Account {
  return changeAccount(box, id, (record) => {
    const { country, defaultCurrency: currency } = record;
    if (number === undefined) repairBanks(box, id, country, currency);
    else replaceBank(box, id, { number, country, currency });
    return changed(record, { submitted: true, restricted: false });
  });
}

/** Asks for a document, and stops transfers and payouts until it is complete again. @throws StripeFailure */
export function restrictAccount(box: Box, id: string): Stripe.Account {
  return changeAccount(box, id, (record) => changed(record, { restricted: true }));
}

/** The account disconnects from the platform, which loses access to it. @throws StripeFailure */
export function deauthorizeAccount(box: Box, id: string): Stripe.Account {
  const account = changeAccount(box, id, (record) => record);
  const application = { id: 'ca_1SandboxPlatform', object: 'application', name: 'Sandbox platform' };
  box.feed.emit({ type: 'account.application.deauthorized', account: id, object: application });
  box.state.accounts.replace({ ...box.state.accounts.get(id)!, gone: true });
  return account;
}

function changed(record: AccountRecord, facts: Partial<AccountRecord>): AccountRecord {
  return { ...record, ...facts };
}
