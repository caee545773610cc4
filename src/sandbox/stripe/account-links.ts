/** /v1/account_links and /v1/accounts/:id/login_links: addresses of the sandbox's own hosted pages. */
import type Stripe from 'stripe';
import { newId } from '../ids.ts';
import { accountOf } from './account-changes.ts';
import type { Box } from './box.ts';
import { StripeFailure, refusal } from './errors.ts';
import { nowSeconds, type Call, type Endpoint } from './state.ts';

/** As long as Stripe's own links live. */
const LINK_LIFE_S = 300;

export const SETUP_PAGE = '/_sandbox/stripe/setup';
export const DASHBOARD_PAGE = '/_sandbox/stripe/dashboard';

export function accountLinkEndpoints(box: Box): Endpoint[] {
  return [
    { method: 'POST', path: '/v1/account_links', run: (call) => createLink(box, call) },
    { method: 'POST', path: '/v1/accounts/:id/login_links', run: (call) => createLoginLink(box, call) },
  ];
}

function createLink(box: Box, { params, origin }: Call): Stripe.AccountLink {
  const account = params.required('account');
  const type = params.required('type');
  const returnUrl = readUrl(params.required('return_url'), 'return_url');
  const refreshUrl = readUrl(params.required('refresh_url'), 'refresh_url');
  params.ignore('collect', 'collection_options');
  params.end();
  accountOf(box, account);
  if (type !== 'account_onboarding' && type !== 'account_update') {
    throw refusal('Invalid type: must be one of account_onboarding, account_update', 'type');
  }
  const created = nowSeconds();
  const id = newId('', 32);
  const expiresAt = created + LINK_LIFE_S;
  box.state.links.put({ id, account, returnUrl, refreshUrl, expiresAt });
  return { object: 'account_link', created, expires_at: expiresAt, url: `${origin}${SETUP_PAGE}/${account}/${id}` };
}

function createLoginLink(box: Box, { path, params, origin }: Call): Stripe.LoginLink {
  const account = accountOf(box, path.id!);
  params.end();
  if (account.controller.stripe_dashboard?.type !== 'express') {
    throw new StripeFailure('Cannot create a login link for an account without access to the Express Dashboard.');
  }
  if (!account.submitted) {
    throw new StripeFailure('Cannot create a login link for an account that has not completed onboarding.');
  }
  return { object: 'login_link', created: nowSeconds(), url: `${origin}${DASHBOARD_PAGE}/${account.id}` };
}

function readUrl(text: string, param: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw refusal('Not a valid URL', param, 'url_invalid');
}
