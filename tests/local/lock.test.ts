import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { identify, isRunning, self } from '../../src/local/identity.ts';
import { releaseLock, takeLock } from '../../src/local/lock.ts';
import { temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();

test('a lock is held by the first who takes it, until it is released', () => {
  const path = join(folder, 'held.lock');
  expect(takeLock(path)).toBeUndefined();
  expect(takeLock(path)).toEqual(self());
  releaseLock(path);
  expect(takeLock(path)).toBeUndefined();
});

test('the lock of a process that has ended is taken over', async () => {
  const path = join(folder, 'stale.lock');
  const child = spawn('sleep', ['60']);
  const holder = identify(child.pid!);
  writeFileSync(path, JSON.stringify(holder));
  expect(takeLock(path)).toEqual(holder);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(takeLock(path)).toBeUndefined();
});

test('another process with the same pid is not the holder', () => {
  const path = join(folder, 'reused.lock');
  writeFileSync(path, JSON.stringify({ pid: process.pid, startedAt: 'before the last reboot' }));
  expect(takeLock(path)).toBeUndefined();
  expect(isRunning({ pid: process.pid, startedAt: 'before the last reboot' })).toBe(false);
});
