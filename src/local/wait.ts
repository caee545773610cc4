import { setTimeout as sleep } from 'node:timers/promises';
import { property } from './errors.ts';

/** Asks again and again until the answer is yes; false when it was not within `ms`. */
export async function eventually(ask: () => boolean | Promise<boolean>, ms: number, everyMs = 50): Promise<boolean> {
  const deadline = Date.now() + ms;
  for (;;) {
    if (await ask()) return true;
    if (Date.now() >= deadline) return false;
    await sleep(everyMs);
  }
}

/** Whether `url` answers with a 2xx within a second. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
    await response.body?.cancel();
    return response.ok;
  } catch (error) {
    // refused, broken off, or too slow
    if (['TypeError', 'TimeoutError'].includes(String(property(error, 'name')))) return false;
    throw error;
  }
}
