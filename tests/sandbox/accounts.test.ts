import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { errorOf, openSandbox, type TestSandbox } from './support.ts';

let sandbox: TestSandbox;
beforeAll(async () => {
  sandbox = await openSandbox();
});
afterAll(() => sandbox.close());

test('a new account has everything due and nothing enabled', async () => {
  const account = await sandbox.stripe.accounts.create({
    type: 'express',
    country: 'GB',
    email: 'ada@example.com',
    capabilities: { transfers: { requested: true }, card_payments: { requested: true } },
    settings: { payouts: { schedule: { interval: 'manual' } } },
    business_profile: { name: 'Ada' },
    metadata: { creator: 'c1' },
  });
  expect(account).toMatchObject({
    object: 'account',
    type: 'express',
    country: 'GB',
    default_currency: 'gbp',
    email: 'ada@example.com',
    metadata: { creator: 'c1' },
    capabilities: { transfers: 'inactive', card_payments: 'inactive' },
    charges_enabled: false,
    payouts_enabled: false,
    details_submitted: false,
    requirements: { disabled_reason: 'requirements.past_due' },
    settings: { payouts: { schedule: { interval: 'manual' } } },
    controller: { stripe_dashboard: { type: 'express' } },
  });
  expect(account.requirements?.currently_due).toContain('external_account');
  expect(await sandbox.stripe.accounts.retrieve(account.id)).toMatchObject({
    id: account.id,
    email: 'ada@example.com',
  });
});

test('an account may be described by its controller', async () => {
  const account = await sandbox.stripe.accounts.create({
    controller: {
      fees: { payer: 'application' },
      losses: { payments: 'application' },
      stripe_dashboard: { type: 'express' },
    },
    default_currency: 'eur',
  });
  expect(account).toMatchObject({
    type: 'none',
    default_currency: 'eur',
    controller: { fees: { payer: 'application' } },
  });
});

test('updates change what they name and leave the rest', async () => {
  const { id } = await sandbox.stripe.accounts.create({
    type: 'custom',
    email: 'a@example.com',
    metadata: { a: '1', b: '2' },
  });
  const updated = await sandbox.stripe.accounts.update(id, {
    metadata: { a: '', c: '3' },
    settings: { payouts: { schedule: { interval: 'manual' } } },
    capabilities: { transfers: { requested: true } },
  });
  expect(updated.metadata).toEqual({ b: '2', c: '3' });
  expect(updated.email).toBe('a@example.com');
  expect(updated.settings?.payouts?.schedule.interval).toBe('manual');
  expect(updated.capabilities).toEqual({ transfers: 'inactive' });
});

test('accounts are listed newest first, page by page', async () => {
  const ids: string[] = [];
  for (let count = 0; count < 3; count += 1)
    ids.unshift((await sandbox.stripe.accounts.create({ type: 'express' })).id);
  const page = await sandbox.stripe.accounts.list({ limit: 2 });
  expect(page.data.map(({ id }) => id)).toEqual(ids.slice(0, 2));
  expect(page.has_more).toBe(true);
  const rest = await sandbox.stripe.accounts.list({ limit: 1, starting_after: ids[1]! });
  expect(rest.data[0]?.id).toBe(ids[2]);
});

test('completing turns everything on, restricting turns it off again, and both say so', async () => {
  const id = await sandbox.payee();
  expect(await sandbox.stripe.accounts.retrieve(id)).toMatchObject({
    charges_enabled: true,
    payouts_enabled: true,
    details_submitted: true,
    capabilities: { transfers: 'active' },
    requirements: { currently_due: [], disabled_reason: null },
  });
  await sandbox.control('POST', `/stripe/accounts/${id}/restrict`);
  const restricted = await sandbox.stripe.accounts.retrieve(id);
  expect(restricted).toMatchObject({ payouts_enabled: false, capabilities: { transfers: 'inactive' } });
  expect(restricted.requirements?.past_due).toEqual(['individual.verification.document']);
  await sandbox.control('POST', `/stripe/accounts/${id}/complete`);
  expect((await sandbox.stripe.accounts.retrieve(id)).payouts_enabled).toBe(true);

  const events = await sandbox.stripe.events.list(
    { types: ['account.updated', 'capability.updated'] },
    { stripeAccount: id },
  );
  expect(events.data.map(({ type }) => type)).toEqual([
    'account.updated',
    'capability.updated',
    'account.updated',
    'capability.updated',
    'account.updated',
    'capability.updated',
  ]);
  const [latest] = events.data;
  expect(latest).toMatchObject({
    account: id,
    data: { object: { payouts_enabled: true }, previous_attributes: { payouts_enabled: false } },
  });
});

test('capabilities can be read and requested one by one', async () => {
  const { id } = await sandbox.stripe.accounts.create({ type: 'express' });
  expect(await sandbox.stripe.accounts.retrieveCapability(id, 'transfers')).toMatchObject({ status: 'unrequested' });
  await sandbox.stripe.accounts.updateCapability(id, 'transfers', { requested: true });
  expect((await sandbox.stripe.accounts.listCapabilities(id)).data).toMatchObject([
    { id: 'transfers', status: 'inactive' },
  ]);
});

test('a person completes onboarding on the hosted page and is sent back', async () => {
  const { id } = await sandbox.stripe.accounts.create({
    type: 'express',
    capabilities: { transfers: { requested: true } },
  });
  const link = await sandbox.stripe.accountLinks.create({
    account: id,
    type: 'account_onboarding',
    return_url: 'https://example.com/back',
    refresh_url: 'https://example.com/again',
  });
  expect(link.expires_at).toBeGreaterThan(link.created);
  const page = await fetch(link.url);
  expect(page.headers.get('content-type')).toContain('text/html');
  expect(await page.text()).toContain('Complete onboarding');
  const done = await fetch(link.url, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({ account_number: '000111111116' }),
  });
  expect(done.status).toBe(303);
  expect(done.headers.get('location')).toBe('https://example.com/back');
  const account = await sandbox.stripe.accounts.retrieve(id);
  expect(account.payouts_enabled).toBe(true);
  expect(account.external_accounts?.data).toMatchObject([{ last4: '1116', default_for_currency: true }]);
  expect((await fetch(link.url)).status).toBe(404);
});

test('leaving the hosted page early changes nothing', async () => {
  const { id } = await sandbox.stripe.accounts.create({ type: 'express' });
  const urls = { return_url: 'https://example.com/back', refresh_url: 'https://example.com/again' };
  const { url } = await sandbox.stripe.accountLinks.create({ account: id, type: 'account_onboarding', ...urls });
  const left = await fetch(url, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ leave: 'true' }) });
  expect(left.headers.get('location')).toBe(urls.return_url);
  expect((await sandbox.stripe.accounts.retrieve(id)).details_submitted).toBe(false);
});

test('a login link opens a dashboard, but only after onboarding', async () => {
  const fresh = await sandbox.stripe.accounts.create({ type: 'express' });
  expect(await errorOf(sandbox.stripe.accounts.createLoginLink(fresh.id))).toMatchObject({ statusCode: 400 });
  const { url } = await sandbox.stripe.accounts.createLoginLink(await sandbox.payee());
  expect(await (await fetch(url)).text()).toContain('Express dashboard');
});

test('external accounts are added, preferred, updated and deleted', async () => {
  const id = await sandbox.payee();
  const added = await sandbox.stripe.accounts.createExternalAccount(id, {
    external_account: { object: 'bank_account', country: 'US', currency: 'usd', account_number: '000333333335' },
    metadata: { note: 'second' },
  });
  expect(added).toMatchObject({
    last4: '3335',
    default_for_currency: false,
    status: 'new',
    metadata: { note: 'second' },
  });
  const token = await sandbox.stripe.accounts.createExternalAccount(id, {
    external_account: 'btok_us_verified_accountClosed',
    default_for_currency: true,
  });
  expect(token).toMatchObject({ last4: '1113', default_for_currency: true });
  const list = await sandbox.stripe.accounts.listExternalAccounts(id, { object: 'bank_account' });
  const defaults = list.data.map((bank) => [bank.last4, bank.default_for_currency]);
  expect(defaults).toEqual([
    ['1113', true],
    ['3335', false],
    ['6789', false],
  ]);
  await sandbox.stripe.accounts.updateExternalAccount(id, added.id, { default_for_currency: true });
  expect(await sandbox.stripe.accounts.retrieveExternalAccount(id, token.id)).toMatchObject({
    default_for_currency: false,
  });
  expect(await errorOf(sandbox.stripe.accounts.deleteExternalAccount(id, added.id))).toMatchObject({ statusCode: 400 });
  expect(await sandbox.stripe.accounts.deleteExternalAccount(id, token.id)).toMatchObject({ deleted: true });
});

test('an account that left the platform is out of reach', async () => {
  const id = await sandbox.payee();
  await sandbox.control('POST', `/stripe/accounts/${id}/deauthorize`);
  for (const call of [
    sandbox.stripe.accounts.retrieve(id),
    sandbox.stripe.balance.retrieve({}, { stripeAccount: id }),
    sandbox.stripe.accounts.retrieve('acct_unknown'),
  ]) {
    expect(await errorOf(call)).toMatchObject({
      statusCode: 403,
      code: 'account_invalid',
      type: 'StripePermissionError',
    });
  }
});

test('an account with money cannot be deleted, an empty one can', async () => {
  const id = await sandbox.payee();
  await sandbox.stripe.transfers.create({ amount: 100, currency: 'usd', destination: id });
  expect(await errorOf(sandbox.stripe.accounts.del(id))).toMatchObject({ statusCode: 400 });
  const empty = await sandbox.payee();
  expect(await sandbox.stripe.accounts.del(empty)).toEqual({ id: empty, object: 'account', deleted: true });
});

test('the platform itself can be read', async () => {
  expect(await sandbox.stripe.accounts.retrieveCurrent()).toMatchObject({ object: 'account', payouts_enabled: true });
});

test('unknown and broken parameters are refused by name', async () => {
  const { stripe } = sandbox;
  const unknown = { type: 'express', shoe_size: '43' } as const;
  expect(await errorOf(stripe.accounts.create(unknown))).toMatchObject({
    code: 'parameter_unknown',
    param: 'shoe_size',
  });
  expect(await errorOf(stripe.accounts.create({ type: 'express', country: 'Narnia' }))).toMatchObject({
    param: 'country',
  });
  const both = { type: 'express', controller: { fees: { payer: 'account' } } } as const;
  expect(await errorOf(stripe.accounts.create(both))).toMatchObject({ param: 'controller' });
  expect(
    await errorOf(
      stripe.accounts.update(await sandbox.payee(), { settings: { payouts: { schedule: { interval: 'hourly' } } } }),
    ),
  ).toMatchObject({
    param: 'settings[payouts][schedule][interval]',
  });
});
