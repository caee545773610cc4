import { spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endProcesses } from './end-processes.ts';
import { hasCode, property, StartError } from './errors.ts';
import { identify, type ProcessIdentity } from './identity.ts';
import { releaseLock, takeLock } from './lock.ts';

/** A data folder that this process, and no other, uses now. */
export interface DataDir {
  path: string;
  /** Notes the processes that must not outlive this one. */
  record: (pids: number[]) => void;
  release: () => void;
}

/**
 * Takes the data folder for this process. Processes that a killed owner left behind are ended first; from here on a guardian
 * process ends those recorded when this process dies without releasing the folder.
 * @throws StartError when another process uses the folder.
 */
export async function claimDataDir(folder: string): Promise<DataDir> {
  const path = resolve(folder);
  const lock = join(path, 'owner.json');
  const holder = take(lock);
  if (holder) {
    const advice = 'stop that one or set DATA_DIR to another folder';
    throw new StartError(`${path} is in use by process ${holder.pid}; ${advice}.`);
  }
  const file = join(path, 'processes.json');
  await endProcesses(readProcesses(file));
  const guardian = startGuardian();
  const record = (pids: number[]): void => {
    const list = JSON.stringify(pids.map(identify).filter((process) => process !== undefined));
    guardian.tell(list);
    writeFileSync(`${file}.new`, list);
    renameSync(`${file}.new`, file);
  };
  record([]);
  return {
    path,
    record,
    release() {
      record([]);
      guardian.dismiss();
      releaseLock(lock);
    },
  };
}

function take(lock: string): ProcessIdentity | undefined {
  try {
    return takeLock(lock);
  } catch (error) {
    if (!hasCode(error, 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOSPC')) throw error;
    throw new StartError(`DATA_DIR cannot be used: ${String(property(error, 'message'))}.`, { cause: error });
  }
}

function startGuardian(): { tell: (line: string) => void; dismiss: () => void } {
  const program = fileURLToPath(new URL('guardian.ts', import.meta.url));
  const guardian = spawn(process.execPath, [program], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  guardian.unref();
  // a guardian that was killed is no reason to stop: the next start ends what would be left behind
  guardian.stdin.on('error', () => undefined);
  return {
    tell: (line) => guardian.stdin.write(`${line}\n`),
    dismiss: () => guardian.stdin.end(),
  };
}

function readProcesses(file: string): ProcessIdentity[] {
  if (!existsSync(file)) return [];
  return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity[];
}
