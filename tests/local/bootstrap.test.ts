import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '../support/folders.ts';

interface Clone {
  folder: string;
  start: (...args: string[]) => { status: number | null; stdout: string; stderr: string };
}

/** A project folder without dependencies, an `npm` that does what `script` says, and a program that tells its arguments. */
function clone(script: string): Clone {
  const folder = temporaryFolder();
  for (const name of ['scripts', 'src/local', 'bin']) mkdirSync(join(folder, name), { recursive: true });
  copyFileSync('scripts/start.mjs', join(folder, 'scripts/start.mjs'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  const packages = {
    '': { name: 'clone' },
    'node_modules/needed': { version: '1.0.0' },
    'node_modules/elsewhere': { version: '1.0.0', optional: true },
  };
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ packages }));
  writeFileSync(join(folder, 'src/local/start.ts'), 'console.log(process.argv.slice(2) as string[]); process.exit(7);');
  const npm = join(folder, 'bin/npm');
  writeFileSync(npm, `#!/bin/sh\n[ "$1" = --version ] && exit 0\necho npm "$@" >> "${folder}/calls"\n${script}\n`);
  chmodSync(npm, 0o755);
  const start: Clone['start'] = (...args) =>
    spawnSync(process.execPath, [join(folder, 'scripts/start.mjs'), ...args], {
      env: { PATH: `${join(folder, 'bin')}:/usr/bin:/bin` },
      encoding: 'utf8',
    });
  return { folder, start };
}

function installed(folder: string, version: string): void {
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  const packages = { 'node_modules/needed': { version } };
  writeFileSync(join(folder, 'node_modules/.package-lock.json'), JSON.stringify({ packages }));
}

const INSTALLS = `mkdir -p node_modules; echo '{"packages":{"node_modules/needed":{"version":"1.0.0"}}}' > node_modules/.package-lock.json`;

test('without dependencies it installs them from the lock file, then hands over; arguments and exit code are kept', () => {
  const { status, stdout } = clone(INSTALLS).start('--once', '--rate', '2');
  expect(stdout).toMatch(/Dependencies installed \[\d+s\]/);
  expect(stdout).toContain("[ '--once', '--rate', '2' ]");
  expect(status).toBe(7);
});

test('with what the lock file says it installs nothing', () => {
  const { folder, start } = clone('exit 1');
  installed(folder, '1.0.0');
  expect(start().stdout).toBe('[]\n');
});

test('with another version it installs again', () => {
  const { folder, start } = clone(INSTALLS);
  installed(folder, '0.9.0');
  expect(start().stdout).toContain('Dependencies installed');
});

test('an installation that fails is one sentence', () => {
  const { status, stderr } = clone(
    'echo "npm error code ENOSPC\nnpm error\nnpm error no space left on device" >&2; exit 1',
  ).start();
  expect({ status, stderr }).toEqual({ status: 1, stderr: 'npm ci failed: no space left on device\n' });
});

test('a machine without npm is told so', () => {
  const { folder, start } = clone('');
  writeFileSync(join(folder, 'bin/npm'), '#!/bin/sh\nexit 127\n');
  expect(start().stderr).toBe('npm is needed to install the dependencies; install Node.js with npm.\n');
});
