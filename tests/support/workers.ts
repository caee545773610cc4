import { randomUUID } from 'node:crypto';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import type { Settings } from '../../src/config.ts';
import { runWorkers } from '../../src/workers/main.ts';
import { until } from './client.ts';

const address = () => process.env['TEST_TEMPORAL_ADDRESS']!;

/** The Temporal settings of a test file: a namespace of its own, so that the workers of other files do not take its work. */
export async function createTestNamespace(): Promise<Settings['temporal']> {
  const namespace = `test-${randomUUID()}`;
  const connection = await Connection.connect({ address: address() });
  try {
    const { workflowService } = connection;
    await workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs('1 day') });
    const answers = () => workflowService.listOpenWorkflowExecutions({ namespace }).then(Boolean, () => false);
    await until(answers, (isThere) => isThere);
  } finally {
    await connection.close();
  }
  return { address: address(), namespace, uiUrl: 'http://127.0.0.1:8233' };
}

/** The product's own workers and schedules, polling when this resolves; `settings.databaseUrl` is the application's. One call per test file. */
export async function startTestWorkers(settings: Settings): Promise<{ stop: () => Promise<void> }> {
  return runWorkers({
    ...settings,
    migrationDatabaseUrl: settings.databaseUrl,
    logLevel: 'error',
    workerHealthPort: 0,
  });
}
