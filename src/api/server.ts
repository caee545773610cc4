import Fastify, { LogController } from 'fastify';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { App, AppDeps } from './app.ts';
import { docs } from './docs.ts';
import { access } from './plugins/access.ts';
import { aliases } from './plugins/aliases.ts';
import { authentication } from './plugins/authentication.ts';
import { errorHandling, sendProblem, toProblem } from './plugins/errors.ts';
import { idempotency } from './plugins/idempotency.ts';
import { genReqId, requestLog } from './plugins/logging.ts';
import { metrics } from './plugins/metrics.ts';
import { openapi } from './plugins/openapi.ts';
import { rateLimits } from './plugins/rate-limits.ts';
import { security } from './plugins/security.ts';
import { validation } from './plugins/validation.ts';
import { resources } from './routes.ts';

export type { App, AppDeps } from './app.ts';

const BODY_LIMIT_BYTES = 1024 * 1024;
/** For a request to arrive in full; whoever is slower keeps a connection busy. */
const REQUEST_TIMEOUT_MS = 30_000;

/** The whole HTTP API, ready for requests but not listening. A route that does not declare who may call it is an error here. */
export async function buildApp({ settings, orm, temporal, logger }: AppDeps): Promise<App> {
  const app: App = Fastify({
    ...(logger ? { loggerInstance: logger } : { logger: false }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // the request log writes one line of its own
    logController: new LogController({ disableRequestLogging: true }),
    genReqId,
    trustProxy: 'loopback',
    return503OnClosing: true,
    frameworkErrors: (error, request, reply) => {
      void sendProblem(request, reply, toProblem(error));
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.decorate('settings', settings).decorate('orm', orm).decorate('temporal', temporal);
  errorHandling(app);
  validation(app);
  requestLog(app);
  await security(app);
  await openapi(app);
  await authentication(app);
  rateLimits(app);
  access(app);
  idempotency(app);
  aliases(app);
  metrics(app);
  await docs(app);
  for (const register of resources) register(app);
  await app.ready();
  return app;
}
