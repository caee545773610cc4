import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { DemoError } from './errors.ts';

const SLOWEST_MS = 5000;

interface Wait {
  /** What is waited for, for the sentence that is shown when it did not come. */
  what: string;
  firstPauseMs: number;
  giveUpAfterMs: number;
}

/** Asks with growing pauses until there is an answer. @throws DemoError when there was none in time */
export async function until<T>(ask: () => Promise<T | undefined>, { what, ...times }: Wait): Promise<T> {
  const deadline = performance.now() + times.giveUpAfterMs;
  for (let pauseMs = times.firstPauseMs; ; pauseMs = Math.min(pauseMs * 1.5, SLOWEST_MS)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) {
      throw new DemoError(`Gave up after ${Math.round(times.giveUpAfterMs / 1000)} s of waiting for ${what}.`);
    }
    await sleep(pauseMs);
  }
}
