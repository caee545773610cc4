import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from '@jest/globals';
import { claimDataDir, type DataDir } from '../../src/local/data-dir.ts';
import { identify, isRunning, type ProcessIdentity } from '../../src/local/identity.ts';
import { eventually } from '../../src/local/wait.ts';
import { temporaryFolder } from '../support/folders.ts';

let claimed: DataDir | undefined;

afterEach(() => {
  claimed?.release();
  claimed = undefined;
});

/** Another program that claims the folder and starts a process on it. Resolves with that process. */
async function owner(folder: string): Promise<{ program: ChildProcess; child: ProcessIdentity }> {
  const dataDir = fileURLToPath(new URL('../../src/local/data-dir.ts', import.meta.url));
  const code = `
    const { claimDataDir } = await import(${JSON.stringify(dataDir)});
    const { spawn } = await import('node:child_process');
    const claimed = await claimDataDir(${JSON.stringify(folder)});
    const child = spawn('sleep', ['300'], { detached: true, stdio: 'ignore' });
    claimed.record([child.pid]);
    console.log(child.pid);`;
  const program = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(program.stdout, 'data')) as [Buffer];
  return { program, child: identify(Number(line.toString()))! };
}

test('a folder is used by one program at a time', async () => {
  const folder = temporaryFolder();
  const { program } = await owner(folder);
  await expect(claimDataDir(folder)).rejects.toThrow(
    `${folder} is in use by process ${program.pid!}; stop that one or set DATA_DIR to another folder.`,
  );
  program.kill('SIGKILL');
  await once(program, 'exit');
  claimed = await claimDataDir(folder);
});

test('what a program that was killed left behind is ended before its folder is used again', async () => {
  const folder = temporaryFolder();
  const { program, child } = await owner(folder);
  program.kill('SIGKILL');
  await once(program, 'exit');
  claimed = await claimDataDir(folder);
  expect(isRunning(child)).toBe(false);
});

test('what a program that was killed left behind is ended even if its folder goes and nobody comes after it', async () => {
  const folder = temporaryFolder();
  const { program, child } = await owner(folder);
  expect(isRunning(child)).toBe(true);
  rmSync(folder, { recursive: true });
  program.kill('SIGKILL');
  expect(await eventually(() => !isRunning(child), 10_000)).toBe(true);
});

test('a folder that was released can be claimed again', async () => {
  const folder = temporaryFolder();
  (await claimDataDir(folder)).release();
  claimed = await claimDataDir(folder);
  expect(claimed.path).toBe(folder);
});

test('a folder that cannot be made is one sentence', async () => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  await expect(claimDataDir(join(file, 'data'))).rejects.toThrow(/^DATA_DIR cannot be used: .*file/);
});
