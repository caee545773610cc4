import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { findExecutable } from '../../src/local/executables.ts';
import { isRunning, type ProcessIdentity } from '../../src/local/identity.ts';
import { freePort } from '../../src/local/ports.ts';
import { answers, eventually } from '../../src/local/wait.ts';
import { temporaryFolder } from '../support/folders.ts';
import { isolatedEnv } from '../support/stack.ts';

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
  return { program, ended };
}

function processesOf(folder: string): ProcessIdentity[] {
  return JSON.parse(readFileSync(join(folder, 'processes.json'), 'utf8')) as ProcessIdentity[];
}

async function untilUp(folder: string, port: number): Promise<ProcessIdentity[]> {
  expect(await eventually(() => answers(`http://127.0.0.1:${port}/health`), 50_000)).toBe(true);
  expect(await eventually(() => processesOf(folder).length === 5, 20_000)).toBe(true);
  return processesOf(folder);
}

test('Ctrl-C stops everything, and the addresses were printed', async () => {
  const [folder, port] = [temporaryFolder(), await freePort()];
  const { program, ended } = npmStart(isolatedEnv({ DATA_DIR: folder, PORT: String(port) }), '--no-demo');
  const processes = await untilUp(folder, port);
  await eventually(() => answers(`http://127.0.0.1:${port}/health`), 10_000);
  program.kill('SIGINT');
  const { stdout, stderr } = await ended;
  expect(processes.filter(isRunning)).toEqual([]);
  expect(stderr).toBe('');
  expect(stdout).toContain('PostgreSQL');
});

test('killed with -9 it leaves nothing running, and the next start finds its folder and ports free', async () => {
  const [folder, port] = [temporaryFolder(), await freePort()];
  const env = isolatedEnv({ DATA_DIR: folder, PORT: String(port) });
  const first = npmStart(env, '--no-demo');
  const processes = await untilUp(folder, port);
  first.program.kill('SIGKILL');
  expect(await eventually(() => !processes.some(isRunning), 40_000)).toBe(true);
  const second = npmStart(env, '--no-demo');
  await untilUp(folder, port);
  second.program.kill('SIGTERM');
  expect((await second.ended).stderr).toBe('');
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
