import { isRunning, signalGroup, type ProcessIdentity } from './identity.ts';
import { eventually } from './wait.ts';

/** The time that a process gets to end by itself. */
const GRACE_MS = 15_000;

/** Ends processes, with what they started, that nobody looks after any more; by force those that do not end by themselves. */
export async function endProcesses(processes: ProcessIdentity[]): Promise<void> {
  const allGone = (): boolean => !processes.some(isRunning);
  signalAll(processes, 'SIGINT');
  if (await eventually(allGone, GRACE_MS)) return;
  signalAll(processes, 'SIGKILL');
  await eventually(allGone, GRACE_MS);
}

function signalAll(processes: ProcessIdentity[], signal: NodeJS.Signals): void {
  for (const { pid } of processes.filter(isRunning)) signalGroup(pid, signal);
}
