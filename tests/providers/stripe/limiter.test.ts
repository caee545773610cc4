import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { PaceLimiter } from '../../../src/providers/stripe/limiter.ts';

beforeEach(() => {
  jest.useFakeTimers({ now: 0 });
});
afterEach(() => {
  jest.useRealTimers();
});

/** Passes `count` callers and records when each went, in ms. */
function passes(limiter: PaceLimiter, count: number): number[] {
  const times: number[] = [];
  for (let i = 0; i < count; i += 1) void limiter.turn().then(() => times.push(performance.now()));
  return times;
}

/** A bucket of one second's worth that fills at `perSecond`: what Stripe refuses. */
function refused(times: number[], perSecond: number): number {
  let tokens = perSecond;
  let last = times[0] ?? 0;
  let count = 0;
  for (const at of times) {
    tokens = Math.min(perSecond, tokens + ((at - last) / 1000) * perSecond);
    last = at;
    if (tokens < 1) count += 1;
    else tokens -= 1;
  }
  return count;
}

test('a steady stream reaches at least 97 % of the limit and is never refused', async () => {
  const times = passes(new PaceLimiter(25), 1000);
  await jest.advanceTimersByTimeAsync(60_000);
  const seconds = (times.at(-1)! - times[0]!) / 1000;
  expect(times).toHaveLength(1000);
  expect(1000 / seconds).toBeGreaterThanOrEqual(0.97 * 25);
  expect(refused(times, 25)).toBe(0);
});

test('a high rate is reached too, several at a tick', async () => {
  const times = passes(new PaceLimiter(5000), 10_000);
  await jest.advanceTimersByTimeAsync(2_300);
  expect(times).toHaveLength(10_000);
  expect(refused(times, 5000)).toBe(0);
});

test('time lost to a busy process is made up for, within the bucket', async () => {
  const clock = performance.now.bind(performance);
  let lost = 0;
  const now = jest.spyOn(performance, 'now').mockImplementation(() => clock() + lost);
  const times = passes(new PaceLimiter(25), 250);
  while (times.length < 250) {
    await jest.advanceTimersByTimeAsync(350);
    lost += 150;
  }
  now.mockRestore();
  expect(250 / ((times.at(-1)! - times[0]!) / 1000)).toBeGreaterThanOrEqual(0.97 * 25);
  expect(refused(times, 25)).toBe(0);
});

test('idle time is not saved up', async () => {
  const limiter = new PaceLimiter(10);
  await limiter.turn();
  await jest.advanceTimersByTimeAsync(3_600_000);
  const times = passes(limiter, 20);
  await jest.advanceTimersByTimeAsync(500);
  expect(times.length).toBeLessThanOrEqual(8);
  await jest.advanceTimersByTimeAsync(2_000);
  expect(times).toHaveLength(20);
});

test('callers pass in the order in which they came', async () => {
  const limiter = new PaceLimiter(100);
  const order: number[] = [];
  for (let i = 0; i < 10; i += 1) void limiter.turn().then(() => order.push(i));
  await jest.advanceTimersByTimeAsync(1000);
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('without a limit nobody waits', async () => {
  const limiter = new PaceLimiter(0);
  const times = passes(limiter, 500);
  await jest.advanceTimersByTimeAsync(0);
  expect(new Set(times)).toEqual(new Set([0]));
});

test('nobody passes while it is held back, with or without a limit', async () => {
  for (const perSecond of [0, 25]) {
    const limiter = new PaceLimiter(perSecond);
    limiter.holdBack(1500);
    const times = passes(limiter, 1);
    await jest.advanceTimersByTimeAsync(1499);
    expect(times).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(times).toHaveLength(1);
  }
});

test('a caller that gives up leaves the queue, and its turn goes to the next', async () => {
  const limiter = new PaceLimiter(10);
  passes(limiter, 1);
  const giveUp = new AbortController();
  const first = limiter.turn(giveUp.signal);
  const times = passes(limiter, 1);
  giveUp.abort(new Error('given up'));
  await expect(first).rejects.toThrow('given up');
  await jest.advanceTimersByTimeAsync(150);
  expect(times).toHaveLength(1);
  await expect(limiter.turn(giveUp.signal)).rejects.toThrow('given up');
});
