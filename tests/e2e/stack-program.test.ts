import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, jest, test } from '@jest/globals';
import { findExecutable } from '../../src/local/executables.ts';
import { isRunning, type ProcessIdentity } from '../../src/local/identity.ts';
import { freePort } from '../../src/local/ports.ts';
import { answers, eventually } from '../../src/local/wait.ts';
import { temporaryFolder } from '../support/folders.ts';
import { isolatedEnv } from '../support/stack.ts';

/** For what takes seconds, but on a busy machine minutes. */
const LONG_MS = 120_000;

jest.setTimeout(2 * LONG_MS);

const running: ChildProcess[] = [];

afterEach(async () => {
  for (const program of running.splice(0)) {
    if (program.exitCode !== null || program.signalCode !== null) continue;
    program.kill('SIGTERM');
    await once(program, 'exit');
  }
});

interface Start {
  program: ChildProcess;
  printed: { stdout: string; stderr: string };
  /** Resolves with everything printed, when it has ended. */
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

/** What `npm start -- …` runs. */
function npmStart(env: NodeJS.ProcessEnv, ...args: string[]): Start {
  const program = spawn(process.execPath, ['scripts/start.mjs', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(program);
  const printed = { stdout: '', stderr: '' };
  program.stdout.on('data', (chunk: Buffer) => (printed.stdout += chunk.toString()));
  program.stderr.on('data', (chunk: Buffer) => (printed.stderr += chunk.toString()));
  const ended = once(program, 'close').then(([code]) => ({ code: code as number | null, ...printed }));
  return { program, printed, ended };
}

function processesOf(folder: string): ProcessIdentity[] {
  return JSON.parse(readFileSync(join(folder, 'processes.json'), 'utf8')) as ProcessIdentity[];
}

/** Waits until two processes of the folder run that are not among `others`. */
async function untilTwoRun(folder: string, others: ProcessIdentity[] = []): Promise<ProcessIdentity[]> {
  const started = (): ProcessIdentity[] => {
    const known = existsSync(join(folder, 'processes.json')) ? processesOf(folder) : [];
    return known.filter(({ pid }) => !others.some((other) => other.pid === pid));
  };
  expect(await eventually(() => started().length === 2, LONG_MS)).toBe(true);
  return started();
}

function ownerOf(folder: string): number {
  return (JSON.parse(readFileSync(join(folder, 'owner.json'), 'utf8')) as ProcessIdentity).pid;
}

test('it prints where everything is, and Ctrl-C stops all of it', async () => {
  const [folder, port] = [temporaryFolder(), await freePort()];
  const { program, ended, printed } = npmStart(isolatedEnv({ DATA_DIR: folder, PORT: String(port) }), '--no-demo');
  expect(await eventually(() => printed.stdout.includes('Ctrl-C stops it.'), LONG_MS)).toBe(true);
  const processes = processesOf(folder);
  expect(processes).toHaveLength(5);
  expect(await answers(`http://127.0.0.1:${port}/docs`)).toBe(true);
  program.kill('SIGINT');
  expect(await ended).toMatchObject({ code: 0, stderr: '' });
  expect(processes.filter(isRunning)).toEqual([]);
  for (const address of [`http://127.0.0.1:${port}/docs`, 'Temporal UI', 'admin@stipend.local']) {
    expect(printed.stdout).toContain(address);
  }
});

test('killed with -9 it leaves nothing that keeps the next start from its folder and its ports', async () => {
  const [folder, port] = [temporaryFolder(), await freePort()];
  const env = isolatedEnv({ DATA_DIR: folder, POSTGRES_PORT: String(port) });
  npmStart(env, '--no-demo');
  const left = await untilTwoRun(folder);
  process.kill(ownerOf(folder), 'SIGKILL');
  const second = npmStart(env, '--no-demo');
  const processes = await untilTwoRun(folder, left);
  expect(left.filter(isRunning)).toEqual([]);
  second.program.kill('SIGTERM');
  expect(await second.ended).toMatchObject({ code: 130, stderr: '' });
  expect(processes.filter(isRunning)).toEqual([]);
});

test('it stops with the program that started it', async () => {
  const folder = temporaryFolder();
  const { program } = npmStart(isolatedEnv({ DATA_DIR: folder }), '--no-demo');
  const processes = await untilTwoRun(folder);
  program.kill('SIGKILL');
  expect(await eventually(() => !processes.some(isRunning), LONG_MS)).toBe(true);
});

test('a busy port is one sentence, and nothing is started', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const folder = temporaryFolder();
  const { code, stdout, stderr } = await npmStart(isolatedEnv({ DATA_DIR: folder, PORT: String(port) })).ended;
  server.close();
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toBe(`Port ${port} (the API) is busy; free it or set PORT to another port.\n`);
  expect(processesOf(folder)).toEqual([]);
});

test.each([
  [{ PORT: 'http' }, 'PORT is not a usable number: "http"\n'],
  [{ PAYOUT_MINIMUM: '25.00' }, 'PAYOUT_MINIMUM must be a whole number of minor units: "25.00"\n'],
  [{ JWT_SECRET: 'short' }, 'JWT_SECRET must have 32 characters or more\n'],
  [{ DATABASE_URL: 'localhost' }, 'DATABASE_URL must be written postgresql://user:password@host:port/database\n'],
])('a broken setting is one sentence: %j', async (settings, sentence) => {
  const { code, stderr } = await npmStart(isolatedEnv({ DATA_DIR: temporaryFolder(), ...settings })).ended;
  expect({ code, stderr }).toEqual({ code: 1, stderr: sentence });
});

test('a PostgreSQL or a Temporal that does not answer is one sentence', async () => {
  const port = await freePort();
  const postgres = isolatedEnv({ DATA_DIR: temporaryFolder(), DATABASE_URL: `postgresql://u:p@127.0.0.1:${port}/x` });
  const temporal = isolatedEnv({ DATA_DIR: temporaryFolder(), TEMPORAL_ADDRESS: `127.0.0.1:${port}` });
  const results = await Promise.all([npmStart(postgres).ended, npmStart(temporal).ended]);
  expect(results.map(({ stderr }) => stderr)).toEqual([
    'No PostgreSQL answers at DATABASE_URL.\n',
    `No Temporal with a namespace "default" answers at TEMPORAL_ADDRESS 127.0.0.1:${port}.\n`,
  ]);
});

test('no Temporal to be found, built or downloaded is one sentence', async () => {
  const tools = temporaryFolder();
  const setpriv = findExecutable('setpriv', process.env);
  if (setpriv) symlinkSync(setpriv, join(tools, 'setpriv'));
  const nowhere = { HTTPS_PROXY: 'http://127.0.0.1:9', https_proxy: 'http://127.0.0.1:9', NO_PROXY: '', no_proxy: '' };
  const env = isolatedEnv({ DATA_DIR: temporaryFolder(), STIPEND_CACHE: temporaryFolder(), PATH: tools, ...nowhere });
  const { code, stderr } = await npmStart(env).ended;
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr:
      'There is no Temporal server here and none could be downloaded; ' +
      'install Go or the "temporal" command, or set TEMPORAL_ADDRESS to a running server.\n',
  });
});

test('an unknown option is one sentence', async () => {
  const { code, stderr } = await npmStart(isolatedEnv({ DATA_DIR: temporaryFolder() }), '--onec').ended;
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: "Unknown option '--onec'; npm start -- --help lists the options.\n",
  });
});
