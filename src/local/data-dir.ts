import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StartError } from './errors.ts';
import { identify, isRunning, self, signalGroup, type ProcessIdentity } from './identity.ts';
import { readHolder, releaseLock, takeLock } from './lock.ts';
import { eventually } from './wait.ts';

/** The time that a process left behind gets to end by itself. */
const GRACE_MS = 15_000;

/** A data folder that this process, and no other, uses now. */
export interface DataDir {
  path: string;
  /** Notes the processes that must not outlive this one. */
  record(pids: number[]): void;
  release(): void;
}

/**
 * Takes the data folder for this process. Processes that a killed owner left behind are ended first; from here on a guardian
 * process ends those recorded when this process dies without releasing the folder.
 * @throws StartError when another process uses the folder.
 */
export async function claimDataDir(folder: string): Promise<DataDir> {
  const path = resolve(folder);
  mkdirSync(join(path, 'logs'), { recursive: true });
  const holder = takeLock(lockFile(path));
  if (holder) {
    throw new StartError(
      `${path} is in use by process ${holder.pid}; stop that one or set DATA_DIR to another folder.`,
    );
  }
  await endAll(readRecorded(path));
  writeRecorded(path, []);
  const guardian = spawn(
    process.execPath,
    [fileURLToPath(new URL('guardian.ts', import.meta.url)), path, JSON.stringify(self())],
    {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  );
  guardian.unref();
  return {
    path,
    record(pids) {
      writeRecorded(
        path,
        pids.map(identify).filter((process) => process !== undefined),
      );
    },
    release() {
      writeRecorded(path, []);
      guardian.stdin.end();
      releaseLock(lockFile(path));
    },
  };
}

/** Ends what `owner` left behind, unless the folder has been taken over since. */
export async function endLeftovers(path: string, owner: ProcessIdentity): Promise<void> {
  const holder = readHolder(lockFile(path));
  if (holder?.pid === owner.pid && holder.startedAt === owner.startedAt) await endAll(readRecorded(path));
}

async function endAll(processes: ProcessIdentity[]): Promise<void> {
  const allGone = (): boolean => !processes.some(isRunning);
  signalAll(processes, 'SIGINT');
  if (await eventually(allGone, GRACE_MS)) return;
  signalAll(processes, 'SIGKILL');
  await eventually(allGone, GRACE_MS);
}

function signalAll(processes: ProcessIdentity[], signal: NodeJS.Signals): void {
  for (const leftover of processes.filter(isRunning)) signalGroup(leftover.pid, signal);
}

const lockFile = (path: string): string => join(path, 'owner.json');
const recordFile = (path: string): string => join(path, 'processes.json');

function readRecorded(path: string): ProcessIdentity[] {
  if (!existsSync(recordFile(path))) return [];
  return JSON.parse(readFileSync(recordFile(path), 'utf8')) as ProcessIdentity[];
}

function writeRecorded(path: string, processes: ProcessIdentity[]): void {
  const file = recordFile(path);
  writeFileSync(`${file}.new`, JSON.stringify(processes));
  renameSync(`${file}.new`, file);
}
