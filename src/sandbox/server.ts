/** One server that stands in for the outside services, with controls under `/_sandbox`. */
import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { ChangeLog } from './change-log.ts';
import { registerControls } from './controls.ts';
import { FaultBook } from './faults.ts';
import { Journal } from './journal.ts';
import { answerWithProblems } from './problems.ts';
import type { Provider } from './provider.ts';
import { Scheduler } from './scheduler.ts';
import { DEFAULTS, type SandboxSettings } from './settings.ts';
import { createStripeProvider } from './stripe/provider.ts';

export interface Sandbox {
  url: string;
  /** Stops serving, sending and deciding; the next start with the same folder goes on from there. */
  close: () => Promise<void>;
}

/** Starts it on `port` (0: any free one) with the state of its folder. @throws when the port or the folder is not usable */
export async function startSandbox(
  options: Partial<SandboxSettings> & Pick<SandboxSettings, 'dataDir'>,
): Promise<Sandbox> {
  const settings = { ...DEFAULTS, ...options };
  const log = new ChangeLog(join(settings.dataDir, 'sandbox'));
  const scheduler = new Scheduler();
  const parts = { log, scheduler, faults: new FaultBook(log), journal: new Journal(log) };
  const providers = [
    createStripeProvider(parts, {
      payoutDelayMs: settings.payoutDelayMs,
      rateLimit: settings.stripeRateLimit,
      platformBalance: settings.platformBalance,
      webhook: settings.stripeWebhook,
    }),
  ];
  const ready = Promise.withResolvers<undefined>();
  const app = buildServer(settings, parts, providers, ready.promise);
  const close = async () => {
    await app.close();
    scheduler.close();
    for (const provider of providers) provider.close();
    log.close();
  };
  try {
    // the port first: another sandbox that has it also has the folder, whose log must not be rewritten under it
    const url = await app.listen({ port: settings.port, host: settings.host });
    await log.open();
    for (const provider of providers) provider.resume();
    ready.resolve(undefined);
    return { url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function buildServer(
  settings: SandboxSettings,
  { log, faults, journal }: { log: ChangeLog; faults: FaultBook; journal: Journal },
  providers: Provider[],
  ready: Promise<undefined>,
): FastifyInstance {
  const app = Fastify({
    logger: settings.logLevel === 'silent' ? false : { level: settings.logLevel },
    forceCloseConnections: true,
    // longer than clients keep idle connections, so that none meets one being closed
    keepAliveTimeout: 120_000,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: true } },
  });
  app.addHook('onRequest', () => ready);
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, body);
  });
  for (const provider of providers) {
    void app.register((api, _options, done) => {
      provider.registerApi(api);
      done();
    });
  }
  void app.register((controls, _options, done) => {
    answerWithProblems(controls);
    acceptNoBody(controls);
    controls.addHook('onSend', async () => {
      await log.written();
    });
    registerControls(controls, { faults, journal, providers: providers.map(({ name }) => name) });
    for (const provider of providers) provider.registerControls(controls);
    done();
  });
  return app;
}

/** A control without a body is one with an empty one. */
function acceptNoBody(app: FastifyInstance): void {
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    const text = String(body).trim();
    try {
      done(null, text === '' ? {} : JSON.parse(text));
    } catch {
      done(Object.assign(new Error('The body is not JSON'), { statusCode: 400 }));
    }
  });
  app.addHook('preValidation', (request, _reply, done) => {
    request.body ??= {};
    done();
  });
}
