import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claimDataDir } from '../../src/local/data-dir.ts';
import { freePort } from '../../src/local/ports.ts';
import { postgresProcess, superuserUrl } from '../../src/local/postgres.ts';
import { Processes } from '../../src/local/processes.ts';
import { findTemporal, temporalProcess } from '../../src/local/temporal.ts';
import { timeSkippingServer } from '../../src/local/time-skipping.ts';
import { bundleWorkflows } from '../../src/local/workflow-bundle.ts';

const NAMESPACE = 'default';

export interface TestServers {
  /** What test files read: addresses and paths. */
  env: Record<string, string>;
  stop: () => Promise<void>;
}

/** One PostgreSQL and one Temporal server for a whole test run, on ports and in a folder of their own. */
export async function startTestServers(): Promise<TestServers> {
  const dataDir = await claimDataDir(mkdtempSync(join(tmpdir(), 'stipend-tests-')));
  const processes = new Processes({
    logDir: join(dataDir.path, 'logs'),
    onChange: (pids) => {
      dataDir.record(pids);
    },
  });
  const postgres = { port: await freePort(), password: randomBytes(12).toString('hex') };
  const temporalPort = await freePort();
  const stop = async (): Promise<void> => {
    await processes.stop('postgres', 'temporal');
    dataDir.release();
    rmSync(dataDir.path, { recursive: true, force: true });
  };
  try {
    const bundle = join(dataDir.path, 'workflow-bundle.js');
    const [timeSkipping, temporal] = await Promise.all([
      timeSkippingServer(process.env, console.log),
      findTemporal(process.env, console.log),
      bundleWorkflows(bundle),
    ]);
    await Promise.all([
      processes.start(await postgresProcess({ ...postgres, folder: join(dataDir.path, 'postgres'), fast: true })),
      processes.start(temporalProcess(temporal, { port: temporalPort, uiPort: undefined, namespace: NAMESPACE })),
    ]);
    const env = {
      TEST_DATABASE_URL: superuserUrl(postgres),
      TEST_TEMPORAL_ADDRESS: `127.0.0.1:${temporalPort}`,
      TEST_TIME_SKIPPING_SERVER: timeSkipping ?? '',
      TEST_WORKFLOW_BUNDLE: bundle,
    };
    return { env, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
