import { deleteExpired } from '../database/housekeeping.ts';
import { openOrm } from '../database/orm.ts';
import { databaseUrls } from '../database/url.ts';
import type { Settings } from '../config.ts';
import { connectTemporal } from '../temporal.ts';
import { createLogger } from './plugins/logging.ts';
import { ensureFirstAdmin } from './first-admin.ts';
import { buildApp, type App } from './server.ts';

const IDLE_SWEEP_MS = 50;
const HOUSEKEEPING_MS = 3_600_000;

/**
 * The API process: resolves when it listens. It starts while Temporal is away, answers what needs it with 503 meanwhile, and finds it
 * again by itself. `close` takes no new requests, lets those under way end, and closes the database last.
 */
export async function runApi(settings: Settings): Promise<{ url: string; close: () => Promise<void> }> {
  const orm = await openOrm(databaseUrls(settings).app, settings.databasePoolSize);
  const temporal = await connectTemporal(settings, { lazy: true });
  const logger = createLogger(settings.logLevel);
  const housekeeping = setInterval(() => {
    deleteExpired(orm.em.fork()).catch((error: unknown) => {
      logger.warn({ err: error }, 'what has expired could not be removed');
    });
  }, HOUSEKEEPING_MS);
  let app: App | undefined;
  const close = async () => {
    clearInterval(housekeeping);
    if (app) await closeServer(app);
    await temporal.close();
    await orm.close(true);
  };
  try {
    await ensureFirstAdmin(orm, settings);
    app = await buildApp({ settings, orm, temporal: temporal.client, logger });
    const url = await app.listen({ host: settings.host, port: settings.port });
    return { url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function closeServer(app: App): Promise<void> {
  // a kept-alive connection that was busy when closing began is idle only when its answer is out
  const sweep = setInterval(() => {
    app.server.closeIdleConnections();
  }, IDLE_SWEEP_MS);
  await app.close();
  clearInterval(sweep);
}
