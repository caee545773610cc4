import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { CreatorPaymentAccount } from '../database/entities/creator-payment-account.ts';
import { isReturnUrl } from '../domain/payment-accounts.ts';
import { Problem } from '../domain/problems.ts';
import { searchAttributes, workflowIds } from '../workflows/contracts.ts';
import type { accountDashboard, accountSync, onboarding } from '../workflows/account-sync.ts';
import type { App } from './app.ts';
import { ask } from './ask.ts';
import { requireCreator } from './principal.ts';
import { nullable, oneOf, strict } from './schemas.ts';

const CALLBACK = '/api/v1/accounts/onboard/callback';
const DEFAULT_COUNTRY = 'US';

const statusSchema = oneOf(['none', 'pending', 'restricted', 'active']);
const urlSchema = Type.String({ format: 'uri', maxLength: 2000 });

/** A creator's account with Stripe. The API asks short workflows for what only Stripe knows and waits for their answer. */
export function accountRoutes(app: App): void {
  app.post(
    '/api/v1/accounts/onboard',
    {
      config: { access: { roles: ['creator'] }, idempotent: true },
      preValidation: emptyBody,
      schema: {
        tags: ['Accounts'],
        summary: 'Open a payment account and get the link to complete it',
        body: Type.Object(
          {
            country: Type.Optional(
              Type.String({ pattern: '^[A-Z]{2}$', description: 'ISO 3166-1 alpha-2; US unless told' }),
            ),
            return_url: Type.Optional(urlSchema),
            refresh_url: Type.Optional(urlSchema),
          },
          strict,
        ),
        response: {
          201: Type.Object({ account_id: Type.String(), onboarding_url: Type.String(), status: statusSchema }),
        },
      },
    },
    async (request, reply) => {
      const { country = DEFAULT_COUNTRY, return_url: returnUrl = null, refresh_url: refreshUrl = null } = request.body;
      requireReturnUrls(app, { return_url: returnUrl, refresh_url: refreshUrl });
      const creatorId = requireCreator(request);
      const callbackUrl = `${app.settings.publicUrl ?? originOf(request)}${CALLBACK}`;
      const input = { creatorId, country, returnUrl, refreshUrl, callbackUrl };
      const account = await app.orm.em.fork().findOne(CreatorPaymentAccount, { creatorId });
      const digest = createHash('sha256').update(JSON.stringify(input)).digest('hex').slice(0, 16);
      const link = account?.providerAccountId == null ? undefined : digest;
      const onboard = (id: string) =>
        ask<typeof onboarding>(app, 'onboarding', {
          workflowId: id,
          input: { ...input, digest },
          staticSummary: 'Link to Stripe onboarding',
          typedSearchAttributes: [{ key: searchAttributes.creatorId, value: creatorId }],
        });
      let result = await onboard(workflowIds.onboarding(creatorId, link));
      // somebody else's request was opening the account already; the link that it made is not ours
      if (result.digest !== digest) result = await onboard(workflowIds.onboarding(creatorId, digest));
      return reply.code(201).send({ account_id: result.accountId, onboarding_url: result.url, status: result.status });
    },
  );

  app.get(
    CALLBACK,
    {
      config: { access: 'anyone' },
      schema: {
        tags: ['Accounts'],
        summary: 'Come back from onboarding: read the account again, then go on to the return URL',
        querystring: Type.Object({ account: Type.String({ maxLength: 100 }) }),
        response: { 200: Type.Object({ status: statusSchema }), 302: Type.Null() },
      },
    },
    async (request, reply) => {
      const { account: accountId } = request.query;
      const account = await app.orm.em
        .fork()
        .findOne(CreatorPaymentAccount, { provider: 'stripe', providerAccountId: accountId });
      if (!account) throw new Problem('not_found', 'There is no such account.');
      const status = await ask<typeof accountSync>(app, 'accountSync', {
        workflowId: workflowIds.accountSync(accountId),
        input: { accountId },
        staticSummary: 'Read the account from Stripe',
      });
      if (account.returnUrl) return reply.redirect(account.returnUrl, 302);
      return reply.send({ status });
    },
  );

  app.get(
    '/api/v1/accounts/status',
    {
      config: { access: { roles: ['creator'] } },
      schema: {
        tags: ['Accounts'],
        summary: 'How the own payment account stands',
        response: {
          200: Type.Object({
            account_id: nullable(Type.String()),
            status: statusSchema,
            payouts_enabled: Type.Boolean(),
            charges_enabled: Type.Boolean(),
            requirements: Type.Array(Type.String()),
            disabled_reason: nullable(Type.String()),
            kyc_status: oneOf(['none', 'pending', 'verified', 'rejected']),
            country: nullable(Type.String()),
            bank: nullable(
              Type.Object({ name: nullable(Type.String()), last4: Type.String(), currency: nullable(Type.String()) }),
            ),
          }),
        },
      },
    },
    async (request) => {
      const account = await app.orm.em.fork().findOne(CreatorPaymentAccount, { creatorId: requireCreator(request) });
      return accountView(account);
    },
  );

  app.get(
    '/api/v1/accounts/dashboard',
    {
      config: { access: { roles: ['creator'] } },
      schema: {
        tags: ['Accounts'],
        summary: 'The address of the own dashboard at Stripe, good for one visit',
        response: { 200: Type.Object({ url: Type.String() }) },
      },
    },
    async (request) => {
      const account = await app.orm.em.fork().findOne(CreatorPaymentAccount, { creatorId: requireCreator(request) });
      const accountId = account?.providerAccountId;
      if (accountId == null) throw new Problem('onboarding_incomplete', 'Onboarding was not begun.');
      const url = await ask<typeof accountDashboard>(app, 'accountDashboard', {
        workflowId: workflowIds.accountDashboard(accountId),
        input: { accountId },
        staticSummary: 'Link to the Stripe dashboard',
      });
      return { url };
    },
  );
}

/** Every field is optional, and so is the body. */
function emptyBody(request: FastifyRequest, _reply: FastifyReply, done: () => void): void {
  request.body ??= {};
  done();
}

function accountView(account: CreatorPaymentAccount | null) {
  const last4 = account?.destinationLast4;
  return {
    account_id: account?.providerAccountId ?? null,
    status: account?.status ?? 'none',
    payouts_enabled: account?.payoutsEnabled ?? false,
    charges_enabled: account?.chargesEnabled ?? false,
    requirements: account?.requirements ?? [],
    disabled_reason: account?.disabledReason ?? null,
    kyc_status: account?.kycStatus ?? 'none',
    country: account?.country ?? null,
    bank: last4
      ? { name: account.destinationBank ?? null, last4, currency: account.destinationCurrency ?? null }
      : null,
  };
}

function requireReturnUrls(app: App, urls: Record<string, string | null>): void {
  const refused = Object.entries(urls).filter(
    ([, url]) => url !== null && !isReturnUrl(url, app.settings.allowedReturnHosts),
  );
  if (refused.length === 0) return;
  const errors = refused.map(([path]) => ({ path, message: 'is not an http(s) address that is allowed here' }));
  throw new Problem('validation_failed', 'An address to return to is not allowed.', errors);
}

function originOf(request: FastifyRequest): string {
  return `${request.protocol}://${request.host}`;
}
