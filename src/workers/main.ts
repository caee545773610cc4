import { createServer, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { existsSync } from 'node:fs';
import { NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import type { Settings } from '../config.ts';
import { openOrm } from '../database/orm.ts';
import { databaseUrls } from '../database/url.ts';
import { createStripeProvider } from '../providers/stripe/client.ts';
import { connectionSecurity, connectTemporal, dataConverter, registerSearchAttributes } from '../temporal.ts';
import { queues } from '../workflows/contracts.ts';
import { createActivities } from './activities.ts';
import { activityErrors } from './interceptors.ts';
import { workerLogger } from './logger.ts';
import { ensureSchedules } from './schedules.ts';

/** How many activities of a queue one process runs at once: database work by its pool, batches and Stripe by what they take. */
const slots: Record<keyof typeof queues, number> = { core: 40, stripe: 20, bulk: 8 };

/**
 * The workers of all queues in one process, with the schedules and search attributes that they need. Resolves when they poll;
 * `stop` lets running activities end, then closes the database last.
 */
export async function runWorkers(settings: Settings): Promise<{ stop: () => Promise<void>; done: Promise<void> }> {
  Runtime.install({ logger: workerLogger(settings.logLevel), shutdownSignals: [] });
  const orm = await openOrm(databaseUrls(settings).app, settings.databasePoolSize);
  const temporal = await connectTemporal(settings);
  const connection = await NativeConnection.connect({ address: settings.temporal.address, ...connectionSecurity() });
  await registerSearchAttributes(temporal.client, settings.temporal.namespace);
  await ensureSchedules(temporal.client, settings);
  const stripe = createStripeProvider(settings.stripe);
  const activities = createActivities({ orm, stripe, client: temporal.client, settings });
  const shared: Omit<WorkerOptions, 'taskQueue'> = {
    connection,
    namespace: settings.temporal.namespace,
    activities,
    interceptors: { activity: [() => ({ inbound: activityErrors() })] },
    shutdownGraceTime: '20s',
    shutdownForceTime: '25s',
    maxCachedWorkflows: 1000,
    dataConverter: dataConverter(settings),
  };
  const [core, ...others] = await Promise.all([
    Worker.create({
      ...shared,
      ...workflows(),
      taskQueue: queues.core,
      maxConcurrentActivityTaskExecutions: slots.core,
    }),
    Worker.create({ ...shared, taskQueue: queues.stripe, maxConcurrentActivityTaskExecutions: slots.stripe }),
    Worker.create({ ...shared, taskQueue: queues.bulk, maxConcurrentActivityTaskExecutions: slots.bulk }),
  ]);
  const workers = [core, ...others];
  const health = serveHealth(settings, () => workers.every((worker) => worker.getState() === 'RUNNING'));
  const running = Promise.all(workers.map((worker) => worker.run()));

  const done = running
    .then(() => undefined)
    .finally(async () => {
      health?.close();
      await connection.close();
      await temporal.close();
      stripe.close();
      await orm.close(true);
    });
  const stop = async () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await done;
  };
  return { stop, done };
}

/** The bundle that `npm run build` made, or the sources, bundled now. */
function workflows(): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  const codePath = process.env['WORKFLOW_BUNDLE'] ?? fileURLToPath(new URL('../workflows/bundle.js', import.meta.url));
  if (existsSync(codePath)) return { workflowBundle: { codePath } };
  return { workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)) };
}

function serveHealth({ workerHealthPort: port, host }: Settings, healthy: () => boolean): Server | undefined {
  if (port === 0) return undefined;
  const server = createServer((_request, response) => {
    response.writeHead(healthy() ? 200 : 503, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ status: healthy() ? 'ok' : 'starting' }));
  });
  return server.listen(port, host);
}
