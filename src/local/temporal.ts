import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Connection, isGrpcServiceError } from '@temporalio/client';
import { connectionSecurity } from '../temporal.ts';
import { buildOnce, cacheDir, type Build } from './build-cache.ts';
import { StartError } from './errors.ts';
import { findExecutable } from './executables.ts';
import type { ProcessSpec } from './supervised.ts';

/** gRPC's status NOT_FOUND: the server works, only the thing asked for is not there. */
const ANSWERED: number[] = [5];

const BUILD: Build = {
  title: 'The Temporal server',
  takes: 'three to four minutes',
  sources: fileURLToPath(new URL('../../tools/temporal-dev', import.meta.url)),
  files: ['go.mod', 'go.sum', 'main.go'],
  command: (output) => ['go', 'build', '-buildvcs=false', '-ldflags=-s -w', '-o', join(output, 'temporal-dev'), '.'],
};

/** A Temporal server program on this machine: the one built here, or the `temporal` command line tool. */
export interface TemporalProgram {
  kind: 'temporal-dev' | 'cli';
  path: string;
}

export interface TemporalOptions {
  port: number;
  /** Undefined: without the Web UI. */
  uiPort: number | undefined;
  namespace: string;
  /** Where the Web UI has payloads decoded. */
  codecEndpoint?: string;
  /** The superuser's connection to a PostgreSQL to keep the state in; only the server built here can. */
  postgresUrl?: string;
  /** The SQLite file to keep the state in otherwise; with neither, it is in memory. */
  sqliteFile?: string;
}

/**
 * The server program to use: `temporal` on the PATH; else the one in `tools/temporal-dev`, built on first use; else, on a machine
 * without Go, the command line tool that the SDK for tests downloads. A first build takes minutes and is told to `report`.
 * @throws StartError when none can be had.
 */
export async function findTemporal(env: NodeJS.ProcessEnv, report: (line: string) => void): Promise<TemporalProgram> {
  const installed = findExecutable('temporal', env);
  if (installed) return { kind: 'cli', path: installed };
  if (findExecutable('go', env)) {
    return { kind: 'temporal-dev', path: join(await buildOnce(cacheDir(env), BUILD, report), 'temporal-dev') };
  }
  return { kind: 'cli', path: await downloadCli(join(cacheDir(env), 'temporal-cli')) };
}

export function temporalProcess({ kind, path }: TemporalProgram, options: TemporalOptions): ProcessSpec {
  const { port, namespace, postgresUrl } = options;
  return {
    name: 'temporal',
    command: path,
    args: kind === 'cli' ? cliArguments(options) : devArguments(options),
    env: { ...process.env, ...(postgresUrl && { TEMPORAL_DEV_POSTGRES: postgresUrl }) },
    stopSignal: 'SIGTERM',
    isReady: () => temporalAnswers(`127.0.0.1:${port}`, namespace),
  };
}

function devArguments({ port, uiPort, namespace, codecEndpoint, sqliteFile }: TemporalOptions): string[] {
  const args = ['-port', String(port), '-ui-port', String(uiPort ?? 0), '-namespace', namespace];
  if (sqliteFile) args.push('-sqlite', sqliteFile);
  if (codecEndpoint) args.push('-codec-endpoint', codecEndpoint);
  return args;
}

function cliArguments({ port, uiPort, namespace, codecEndpoint, sqliteFile }: TemporalOptions): string[] {
  const args = ['server', 'start-dev', '--port', String(port), '--namespace', namespace, '--log-level', 'error'];
  args.push(...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)]));
  if (sqliteFile) args.push('--db-filename', sqliteFile);
  if (codecEndpoint) args.push('--ui-codec-endpoint', codecEndpoint);
  return args;
}

/** Whether the server at `address` serves the namespace in all its parts: frontend, history and visibility. */
export async function temporalAnswers(address: string, namespace: string): Promise<boolean> {
  const connection = Connection.lazy({ address, ...connectionSecurity() });
  try {
    await connection.withDeadline(Date.now() + 2000, async () => {
      await connection.workflowService.countWorkflowExecutions({ namespace });
      await describeMissingRun(connection, namespace);
    });
    return true;
  } catch (error) {
    if (isGrpcServiceError(error)) return false;
    throw error;
  } finally {
    await connection.close();
  }
}

async function describeMissingRun(connection: Connection, namespace: string): Promise<void> {
  try {
    await connection.workflowService.describeWorkflowExecution({ namespace, execution: { workflowId: 'readiness' } });
  } catch (error) {
    if (!isGrpcServiceError(error) || !ANSWERED.includes(error.code)) throw error;
  }
}

/** The SDK fetches the tool when it starts a server of its own, so one is started and stopped. */
async function downloadCli(folder: string): Promise<string> {
  const downloaded = (): string | undefined => readdirSync(folder).find((name) => name.startsWith('temporal'));
  mkdirSync(folder, { recursive: true });
  if (!downloaded()) {
    try {
      const { TestWorkflowEnvironment } = await import('@temporalio/testing');
      const server = { executable: { type: 'cached-download', downloadDir: folder } } as const;
      const environment = await TestWorkflowEnvironment.createLocal({ server });
      await environment.teardown();
    } catch (error) {
      const ways = 'install Go or the "temporal" command, or set TEMPORAL_ADDRESS to a running server';
      throw new StartError(`There is no Temporal server here and none could be downloaded; ${ways}.`, { cause: error });
    }
  }
  const name = downloaded();
  if (!name)
    throw new StartError(`The SDK left no Temporal server in ${folder}; install Go or the "temporal" command.`);
  return join(folder, name);
}
