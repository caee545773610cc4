import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import type { Duration } from '@temporalio/common';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { activityErrors } from '../../src/workers/interceptors.ts';
import { queues, searchAttributes } from '../../src/workflows/contracts.ts';

export interface SkippedTime {
  /** While it waits for a result, time is skipped. */
  client: Client;
  /** While it waits for a result, time goes by as it does elsewhere. */
  patient: Client;
  /** Lets this much time pass at once, and with it whatever happens meanwhile. */
  pass: (duration: Duration) => Promise<void>;
  now: () => Promise<number>;
  close: () => Promise<void>;
}

/** A Temporal server of its own on which time passes while nothing happens, with workers for these activities. One call per test file. */
export async function skipTime(activitiesOf: (client: Client) => object): Promise<SkippedTime> {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const environment = await startServer(5);
  const { client, nativeConnection: connection } = environment;
  await addSearchAttributes(environment);
  const bundle = process.env['TEST_WORKFLOW_BUNDLE'];
  const workflows = bundle
    ? { workflowBundle: { codePath: bundle } }
    : { workflowsPath: fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url)) };
  const shared = {
    connection,
    activities: activitiesOf(client),
    interceptors: { activity: [() => ({ inbound: activityErrors() })] },
  };
  const workers = await Promise.all([
    Worker.create({ ...shared, ...workflows, taskQueue: queues.core }),
    Worker.create({ ...shared, taskQueue: queues.bulk }),
    Worker.create({ ...shared, taskQueue: queues.stripe }),
  ]);
  const running = workers.map((worker) => worker.run());
  return {
    client,
    patient: new Client({ connection: environment.connection }),
    pass: (duration) => environment.sleep(duration),
    now: () => environment.currentTimeMs(),
    close: async () => {
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
      await environment.teardown();
    },
  };
}

/** The SDK gives the server five seconds, which are not enough for its JVM where everything else is busy too. */
async function startServer(attempts: number): Promise<TestWorkflowEnvironment> {
  const path = process.env['TEST_TIME_SKIPPING_SERVER'];
  try {
    return await TestWorkflowEnvironment.createTimeSkipping(
      path ? { server: { executable: { type: 'existing-path', path } } } : {},
    );
  } catch (error) {
    if (attempts <= 1) throw error;
    return startServer(attempts - 1);
  }
}

const { INDEXED_VALUE_TYPE_BOOL, INDEXED_VALUE_TYPE_KEYWORD } = temporal.api.enums.v1.IndexedValueType;

/** The product asks first which are there, and this server cannot say. */
async function addSearchAttributes({ connection, namespace }: TestWorkflowEnvironment): Promise<void> {
  const types = Object.values(searchAttributes).map(
    ({ name, type }) => [name, type === 'BOOL' ? INDEXED_VALUE_TYPE_BOOL : INDEXED_VALUE_TYPE_KEYWORD] as const,
  );
  await connection.operatorService.addSearchAttributes({
    namespace: namespace ?? 'default',
    searchAttributes: Object.fromEntries(types),
  });
}
