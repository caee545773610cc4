import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { identify, isRunning } from '../../src/local/identity.ts';
import { Processes } from '../../src/local/processes.ts';
import { freePort } from '../../src/local/ports.ts';
import type { ProcessSpec } from '../../src/local/supervised.ts';
import { answers, eventually } from '../../src/local/wait.ts';
import { temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();
const events: string[] = [];
const recorded: number[][] = [];
let processes = newProcesses();

function newProcesses(): Processes {
  return new Processes({
    logDir: join(folder, 'logs'),
    onEvent: (line) => events.push(line),
    onChange: (pids) => recorded.push(pids),
  });
}

afterEach(async () => {
  await processes.close([['server', 'broken']]);
  processes = newProcesses();
  events.length = 0;
});

async function server(code = ''): Promise<ProcessSpec & { url: string }> {
  const port = await freePort();
  const program = `${code}; require('node:http').createServer((_, answer) => answer.end()).listen(${port}, '127.0.0.1')`;
  return {
    ...script('server', program),
    url: `http://127.0.0.1:${port}`,
    isReady: () => answers(`http://127.0.0.1:${port}`),
  };
}

function script(name: string, code: string): ProcessSpec {
  return {
    name,
    command: process.execPath,
    args: ['-e', code],
    env: process.env,
    stopSignal: 'SIGTERM',
    isReady: () => Promise.resolve(false),
  };
}

test('a process serves once it is started, and no more once it is stopped', async () => {
  const spec = await server();
  await processes.start(spec);
  expect(await answers(spec.url)).toBe(true);
  expect(recorded.at(-1)).toEqual([processes.pid('server')]);
  await processes.stop('server');
  expect(await answers(spec.url)).toBe(false);
  expect(recorded.at(-1)).toEqual([]);
});

test('a process that is killed comes back', async () => {
  const spec = await server();
  await processes.start(spec);
  const killed = processes.pid('server')!;
  processes.kill('server');
  await eventually(() => processes.pid('server') !== killed, 5000);
  await processes.untilReady('server');
  expect(processes.pid('server')).not.toBe(killed);
  expect(events).toEqual(['server ended (SIGKILL); starting it again']);
});

test('a process that ends while starting is reported with what its log says about it', async () => {
  const broken = script('broken', 'throw new Error("no such table")');
  await expect(processes.start(broken)).rejects.toThrow(
    /^broken did not start \(exit code 1\): Error: no such table; see .*broken\.log\.$/,
  );
  expect(processes.pid('broken')).toBeUndefined();
});

test('a program that does not exist is reported too', async () => {
  const missing = { ...script('broken', ''), command: 'no-such-program' };
  await expect(processes.start(missing)).rejects.toThrow(/^broken did not start \(spawn no-such-program ENOENT\)/);
});

test('a process that runs to its end is waited for, and its failure told', async () => {
  await processes.run(script('broken', ''));
  await expect(processes.run(script('broken', 'process.exit(3)'))).rejects.toThrow(/^broken failed \(exit code 3\)/);
});

test('what a process started ends with it, even if it ignores the signal to stop', async () => {
  const pidFile = join(folder, 'grandchild');
  const note = `require("node:fs").writeFileSync("${pidFile}", String(process.pid))`;
  const stubborn = JSON.stringify(`process.on("SIGTERM", () => 0); ${note}; setInterval(() => 0, 1000)`);
  const spec = await server(`require('node:child_process').spawn(process.execPath, ['-e', ${stubborn}])`);
  await processes.start(spec);
  await eventually(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '', 5000);
  const grandchild = identify(Number(readFileSync(pidFile, 'utf8')))!;
  expect(isRunning(grandchild)).toBe(true);
  await processes.stop('server');
  expect(await eventually(() => !isRunning(grandchild), 5000)).toBe(true);
});

test('nothing starts any more once everything is being stopped', async () => {
  const spec = await server();
  await processes.close([]);
  await expect(processes.start(spec)).rejects.toThrow('everything is being stopped');
});
