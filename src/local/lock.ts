import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { hasCode } from './errors.ts';
import { isRunning, self, type ProcessIdentity } from './identity.ts';

/**
 * Takes the lock file for this process; a lock whose holder has died is taken over.
 * Returns undefined when it was taken, or else the process that holds it.
 */
export function takeLock(path: string): ProcessIdentity | undefined {
  mkdirSync(dirname(path), { recursive: true });
  const own = `${path}.${randomUUID()}`;
  writeFileSync(own, JSON.stringify(self()));
  try {
    for (;;) {
      if (linkUnlessThere(own, path)) return undefined;
      const holder = readHolder(path);
      if (holder && isRunning(holder)) return holder;
      removeStale(path, holder);
    }
  } finally {
    rmSync(own);
  }
}

export function releaseLock(path: string): void {
  rmSync(path, { force: true });
}

/** The process named in a lock file; undefined when there is no such file. */
function readHolder(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Moves the lock aside first: of several that find it stale, only one may remove it, and nobody a fresh one. */
function removeStale(path: string, stale: ProcessIdentity | undefined): void {
  if (!stale) return;
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  const moved = readHolder(aside);
  if (moved && isRunning(moved)) linkUnlessThere(aside, path);
  rmSync(aside);
}

function linkUnlessThere(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}
