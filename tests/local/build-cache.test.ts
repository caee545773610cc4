import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { buildOnce, type Build } from '../../src/local/build-cache.ts';
import { temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();
const sources = join(folder, 'tool');
const cache = join(folder, 'cache');
const runs = join(folder, 'runs');
mkdirSync(sources);

function build(script: string): Build {
  return { title: 'The tool', takes: 'a moment', sources, files: ['main'], command: (to) => ['sh', '-c', script, to] };
}

const counting = build(`echo run >> ${runs}; sleep 0.2; cp main "$0/tool"`);
const silent = (): void => undefined;

test('of several at the same time one builds, and a later call finds the result', async () => {
  writeFileSync(join(sources, 'main'), 'one');
  const told: string[] = [];
  const dirs = await Promise.all([1, 2, 3].map(() => buildOnce(cache, counting, (line) => told.push(line))));
  expect(new Set(dirs).size).toBe(1);
  expect(readFileSync(join(dirs[0]!, 'tool'), 'utf8')).toBe('one');
  expect(await buildOnce(cache, counting, silent)).toBe(dirs[0]);
  expect(readFileSync(runs, 'utf8')).toBe('run\n');
  expect(told[0]).toBe('The tool is built, once: a moment');
});

test('changed sources are built again, beside the old', async () => {
  writeFileSync(join(sources, 'main'), 'two');
  const dir = await buildOnce(cache, counting, silent);
  expect(readFileSync(join(dir, 'tool'), 'utf8')).toBe('two');
});

test('a failed build says why in one sentence, leaves nothing behind and is tried again', async () => {
  writeFileSync(join(sources, 'main'), 'three');
  const failing = build('echo half > "$0/tool"; echo "no compiler" >&2; exit 3');
  await expect(buildOnce(cache, failing, silent)).rejects.toThrow(
    /^The tool could not be built: no compiler \(see .*\.log\)\.$/,
  );
  expect(readdirSync(cache).filter((name) => name.endsWith('.lock'))).toEqual([]);
  expect(existsSync(join(await buildOnce(cache, counting, silent), 'tool'))).toBe(true);
});
