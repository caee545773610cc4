import { openOrm } from '../database/orm.ts';
import { databaseUrls } from '../database/url.ts';
import type { Settings } from '../config.ts';
import { connectTemporal } from '../temporal.ts';
import { createLogger } from './plugins/logging.ts';
import { ensureFirstAdmin } from './first-admin.ts';
import { buildApp } from './server.ts';

/**
 * The API process: resolves when it listens. It starts while Temporal is away, answers what needs it with 503 meanwhile, and finds it
 * again by itself. `close` takes no new requests, lets those under way end, and closes the database last.
 */
export async function runApi(settings: Settings): Promise<{ url: string; close: () => Promise<void> }> {
  const orm = await openOrm(databaseUrls(settings).app, settings.databasePoolSize);
  const temporal = await connectTemporal(settings, { lazy: true });
  const closeAll = async () => {
    await temporal.close();
    await orm.close(true);
  };
  try {
    await ensureFirstAdmin(orm, settings);
    const app = await buildApp({ settings, orm, temporal: temporal.client, logger: createLogger(settings.logLevel) });
    const url = await app.listen({ host: settings.host, port: settings.port });
    const close = async () => {
      await app.close();
      await closeAll();
    };
    return { url, close };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
