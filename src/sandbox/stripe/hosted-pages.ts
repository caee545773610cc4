/** The pages that Stripe hosts for people: onboarding behind an account link, and a small Express dashboard. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { DASHBOARD_PAGE, SETUP_PAGE } from './account-links.ts';
import { banksOf, viewAccount } from './account-view.ts';
import { GOOD_NUMBER } from './banks.ts';
import type { Box } from './box.ts';
import { decodeForm } from './form.ts';
import { completeAccount } from './onboarding.ts';
import { nowSeconds, type AccountRecord, type OnboardingLink } from './state.ts';

const TEST_NUMBERS: [string, string][] = [
  [GOOD_NUMBER, 'payouts are paid'],
  ['000111111116', 'payouts fail: no_account'],
  ['000111111113', 'payouts fail: account_closed'],
  ['000222222227', 'payouts fail: insufficient_funds'],
  ['000333333335', 'payouts fail: debit_not_authorized'],
  ['000444444440', 'payouts fail: invalid_currency'],
];

interface LinkRoute {
  Params: { account: string; link: string };
}

export function registerHostedPages(app: FastifyInstance, box: Box): void {
  app.get<LinkRoute>(`${SETUP_PAGE}/:account/:link`, (request, reply) => {
    const link = box.state.links.get(request.params.link);
    if (!link || link.account !== request.params.account) return goneLink(reply);
    if (link.expiresAt < nowSeconds()) return reply.redirect(link.refreshUrl);
    return page(reply, 200, 'Complete onboarding', setupForm(link));
  });

  app.post<LinkRoute>(`${SETUP_PAGE}/:account/:link`, (request, reply) => {
    const link = box.state.links.get(request.params.link);
    if (!link || link.account !== request.params.account) return goneLink(reply);
    if (link.expiresAt < nowSeconds()) return reply.redirect(link.refreshUrl, 303);
    const form = decodeForm(typeof request.body === 'string' ? request.body : '');
    if (form.leave === undefined) {
      completeAccount(box, link.account, typeof form.account_number === 'string' ? form.account_number : undefined);
    }
    box.state.links.delete(link.id);
    return reply.redirect(link.returnUrl, 303);
  });

  app.get<{ Params: { account: string } }>(`${DASHBOARD_PAGE}/:account`, (request, reply) => {
    const record = box.state.accounts.get(request.params.account);
    if (!record || record.gone) return page(reply, 404, 'No such account', '<p>There is no such account.</p>');
    return page(reply, 200, 'Express dashboard', dashboard(box, record));
  });
}

function goneLink(reply: FastifyReply): FastifyReply {
  return page(
    reply,
    404,
    'Link used',
    '<p>This link was used already or never existed. Ask the platform for a new one.</p>',
  );
}

function setupForm({ account }: OnboardingLink): string {
  const options = TEST_NUMBERS.map(([number, ends]) => `<option value="${number}">${number} – ${ends}</option>`);
  return `<p>Account <code>${escapeHtml(account)}</code> of the sandbox. No real person or bank is involved.</p>
<form method="post">
<p><label>Bank account <select name="account_number">${options.join('')}</select></label></p>
<p><button type="submit">Complete onboarding</button>
<button type="submit" name="leave" value="true">Leave without finishing</button></p>
</form>`;
}

function dashboard(box: Box, record: AccountRecord): string {
  const account = viewAccount(box.state, record);
  const balances = box.book
    .balance(record.id)
    .available.map(({ amount, currency }) => `<li>${amount} ${currency} (minor units)</li>`);
  const payouts = box.state.payouts.by('account', record.id).slice(-20).reverse();
  const rows = payouts.map(
    ({ value }) => `<tr><td>${value.id}</td><td>${value.amount} ${value.currency}</td><td>${value.status}</td></tr>`,
  );
  const banks = banksOf(box.state, record.id).map(
    ({ bank }) => `<li>${bank.currency} …${escapeHtml(bank.last4)}: ${bank.status}</li>`,
  );
  return `<p>${escapeHtml(account.email ?? account.id)}: payouts ${account.payouts_enabled ? 'enabled' : 'disabled'}</p>
<h2>Balance</h2><ul>${balances.join('')}</ul>
<h2>Bank accounts</h2><ul>${banks.join('')}</ul>
<h2>Payouts</h2><table><tr><th>Payout</th><th>Amount</th><th>Status</th></tr>${rows.join('')}</table>`;
}

function page(reply: FastifyReply, status: number, title: string, body: string): FastifyReply {
  return reply.code(status).type('text/html; charset=utf-8').send(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<style>body{font:16px/1.5 system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem}td,th{text-align:left;padding-right:1rem}</style>
<h1>${title}</h1>
${body}
</html>`);
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
