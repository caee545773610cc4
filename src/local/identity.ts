import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { hasCode, property } from './errors.ts';

/** One process and no other: a pid is given again after a while, a pid with its start time is not. */
export interface ProcessIdentity {
  pid: number;
  startedAt: string;
}

/** The identity of a running process; undefined where there is none, or only a zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
  const startedAt = existsSync('/proc/self/stat') ? startTimeFromProc(pid) : startTimeFromPs(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

/** Who this process is. */
export function self(): ProcessIdentity {
  const identity = identify(process.pid);
  if (!identity) throw new Error(`process ${process.pid} cannot find itself`);
  return identity;
}

export function isRunning(process: ProcessIdentity): boolean {
  return identify(process.pid)?.startedAt === process.startedAt;
}

/** The command line of a running process; empty where it cannot be told. */
export function commandOf(pid: number): string {
  const path = `/proc/${pid}/cmdline`;
  if (existsSync(path)) return readFileSync(path, 'utf8').replaceAll('\0', ' ').trim();
  return ps(pid, 'args=') ?? '';
}

/** Signals a process and all it started; one that is gone already is fine. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}

function startTimeFromProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the name, in brackets, may hold spaces; the state is the first field after it and the start time the 20th
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}

function startTimeFromPs(pid: number): string | undefined {
  const [state = 'Z', ...startedAt] = ps(pid, 'stat=,lstart=')?.split(/\s+/) ?? [];
  return state.startsWith('Z') ? undefined : startedAt.join(' ');
}

function ps(pid: number, columns: string): string | undefined {
  try {
    return execFileSync('ps', ['-o', columns, '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch (error) {
    // it ends with 1 when no process has this id
    if (property(error, 'status') === 1) return undefined;
    throw error;
  }
}
