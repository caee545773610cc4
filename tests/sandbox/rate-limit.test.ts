import { expect, test } from '@jest/globals';
import { RateLimiter } from '../../src/sandbox/rate-limiter.ts';
import { openSandbox } from './support.ts';

test('a client that keeps exactly to the rate is never refused', () => {
  const limiter = new RateLimiter(25);
  for (let request = 0; request < 10_000; request += 1)
    expect(limiter.take('POST /v1/transfers', request * 40)).toBe(true);
});

test('a steady client may jitter, even after a burst of a second’s worth', () => {
  const limiter = new RateLimiter(25);
  for (let request = 0; request < 25; request += 1) expect(limiter.take('x', 0)).toBe(true);
  for (let request = 1; request < 1000; request += 1) {
    const jitter = request % 2 === 0 ? 15 : -15;
    expect(limiter.take('x', request * 40 + jitter)).toBe(true);
  }
});

test('over the rate, only the rate gets through', () => {
  const limiter = new RateLimiter(25);
  let passed = 0;
  for (let ms = 0; ms < 10_000; ms += 10) if (limiter.take('x', ms)) passed += 1;
  expect(passed).toBeGreaterThanOrEqual(250);
  expect(passed).toBeLessThanOrEqual(250 + 28);
});

test('0 is no limit', () => {
  const limiter = new RateLimiter(0);
  for (let request = 0; request < 1000; request += 1) expect(limiter.take('x', 0)).toBe(true);
});

test('the server refuses a burst with 429, per endpoint, without doing anything', async () => {
  const sandbox = await openSandbox({ stripeRateLimit: 25 });
  const tries = Array.from({ length: 150 }, () =>
    sandbox.stripe.topups.create({ amount: 1, currency: 'usd' }).catch((error: unknown) => error),
  );
  const answers = await Promise.all(tries);
  const refused = answers.filter((answer) => answer instanceof Error);
  expect(refused.length).toBeGreaterThan(0);
  const [error] = refused;
  expect(error).toMatchObject({
    statusCode: 429,
    type: 'StripeRateLimitError',
    rawType: 'invalid_request_error',
    code: 'rate_limit',
    headers: { 'stripe-rate-limited-reason': 'endpoint-rate' },
  });
  // other endpoints have limits of their own, controls none
  expect((await sandbox.stripe.balance.retrieve()).object).toBe('balance');
  for (let call = 0; call < 150; call += 1) await sandbox.control('GET', '/health');
  const moved = (await sandbox.journal()).filter(({ effect }) => effect?.type === 'topup');
  expect(moved).toHaveLength(150 - refused.length);
  await sandbox.close();
});
