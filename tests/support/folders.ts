import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';

const endings: (() => void | Promise<void>)[] = [];

afterAll(async () => {
  for (const end of endings.reverse()) await end();
});

/** Has `end` called after the test file, the last one first: what was started last is stopped before what it stands on goes. */
export function atTheEnd(end: () => void | Promise<void>): void {
  endings.push(end);
}

/** A new empty folder that is removed after the test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stipend-test-'));
  atTheEnd(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
