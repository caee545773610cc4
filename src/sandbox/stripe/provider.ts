import type { FastifyInstance } from 'fastify';
import type { Provider } from '../provider.ts';
import { accountLinkEndpoints } from './account-links.ts';
import { accountEndpoints } from './accounts.ts';
import { balanceEndpoints } from './balance.ts';
import { resumePayouts } from './bank-transit.ts';
import { createBox, type Box } from './box.ts';
import { capabilityEndpoints } from './capabilities.ts';
import { chargeEndpoints } from './charges.ts';
import { registerStripeControls } from './controls.ts';
import { StripeFailure } from './errors.ts';
import { eventEndpoints } from './events.ts';
import { externalAccountEndpoints } from './external-accounts.ts';
import { registerHostedPages } from './hosted-pages.ts';
import { payoutEndpoints } from './payouts.ts';
import { Pipeline } from './pipeline.ts';
import { reversalEndpoints } from './reversals.ts';
import type { Endpoint, SandboxParts, StripeSettings } from './state.ts';
import { topupEndpoints } from './topups.ts';
import { transferEndpoints } from './transfers.ts';
import { webhookEndpointEndpoints } from './webhook-endpoints.ts';

/** Stripe Connect as the `stripe` client 23 calls it, API version 2026-10-28. */
export function createStripeProvider(parts: SandboxParts, settings: StripeSettings): Provider {
  const box = createBox(parts, settings);
  return {
    name: 'stripe',
    registerApi: (app) => {
      registerApi(app, box);
    },
    registerControls: (app) => {
      registerStripeControls(app, box);
      registerHostedPages(app, box);
    },
    resume: () => {
      box.book.resume();
      resumePayouts(box);
      box.feed.resume();
    },
    close: () => {
      box.feed.close();
    },
  };
}

function registerApi(app: FastifyInstance, box: Box): void {
  const pipeline = new Pipeline(box);
  const serve = (endpoint: Endpoint) => {
    app.route({
      method: endpoint.method,
      url: endpoint.path,
      handler: (request, reply) => {
        pipeline.serve(endpoint, request, reply).catch((error: unknown) => reply.send(error));
      },
    });
  };
  for (const endpoint of endpointsOf(box)) serve(endpoint);
  for (const method of ['GET', 'POST', 'DELETE'] as const)
    serve({ method, path: '/v1/*', run: unknownAddress(method) });
  app.setErrorHandler<Error>((error, request, reply) => {
    request.log.error(error);
    const failure = new StripeFailure('The request could not be read or answered.', { type: 'api_error', status: 500 });
    return reply.code(failure.status).send(failure.body);
  });
}

function endpointsOf(box: Box): Endpoint[] {
  return [
    ...accountEndpoints(box),
    ...accountLinkEndpoints(box),
    ...capabilityEndpoints(box),
    ...externalAccountEndpoints(box),
    ...balanceEndpoints(box),
    ...chargeEndpoints(box),
    ...transferEndpoints(box),
    ...reversalEndpoints(box),
    ...payoutEndpoints(box),
    ...topupEndpoints(box),
    ...eventEndpoints(box),
    ...webhookEndpointEndpoints(box),
  ];
}

function unknownAddress(method: string): Endpoint['run'] {
  return ({ path }) => {
    const message = `Unrecognized request URL (${method}: /v1/${path['*'] ?? ''}).`;
    throw new StripeFailure(message, { status: 404, executed: false });
  };
}
