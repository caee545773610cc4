import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { createStripeProvider } from '../../../src/providers/stripe/client.ts';
import { StripeFailure } from '../../../src/providers/stripe/errors.ts';

let closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers) await close();
  closers = [];
});

/** A server that answers every request with `respond`, and a provider that talks to it. */
async function providerOf(respond: http.RequestListener, timeoutMs = 5000) {
  const requests: http.IncomingMessage[] = [];
  const server = http.createServer((request, response) => {
    requests.push(request);
    respond(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const apiBase = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stripe = createStripeProvider({ secretKey: 'sk_test_x', apiBase, rateLimit: 0, timeoutMs });
  const stop = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  closers.push(stripe.close, stop);
  return { stripe, requests, stop };
}

function refusing(status: number, error: object, headers: http.OutgoingHttpHeaders = {}): http.RequestListener {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', 'request-id': 'req_1', ...headers });
    response.end(JSON.stringify({ error }));
  };
}

async function failureOf(call: Promise<unknown>): Promise<StripeFailure> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof StripeFailure) return error;
  throw new Error('It did not fail as a StripeFailure', { cause: error });
}

const transfer = {
  payoutId: 'p1',
  amount: 100n,
  currency: 'USD',
  destination: 'acct_1',
  transferGroup: 'payout:p1',
  idempotencyKey: 'payout:p1:transfer:1',
};

const answers = [
  [400, { type: 'invalid_request_error', code: 'balance_insufficient' }, 'refused', 'balance_insufficient'],
  [402, { type: 'card_error', code: 'card_declined' }, 'refused', 'card_declined'],
  [403, { type: 'invalid_request_error', code: 'account_invalid' }, 'refused', 'account_invalid'],
  [404, { type: 'invalid_request_error', code: 'resource_missing' }, 'refused', 'resource_missing'],
  [401, { type: 'invalid_request_error' }, 'auth', 'invalid_request_error'],
  [400, { type: 'idempotency_error' }, 'unknown', 'idempotency_error'],
  [409, { type: 'idempotency_error', code: 'idempotency_key_in_use' }, 'unknown', 'idempotency_key_in_use'],
  [429, { type: 'invalid_request_error', code: 'lock_timeout' }, 'rate_limited', 'lock_timeout'],
  [500, { type: 'api_error' }, 'unknown', 'api_error'],
  [503, { type: 'api_error' }, 'unknown', 'api_error'],
] as const;

test.each(answers)('%i %o is %s', async (status, error, kind, code) => {
  const { stripe, requests } = await providerOf(refusing(status, { ...error, message: 'because' }));
  const failure = await failureOf(stripe.createTransfer(transfer));
  expect(failure).toMatchObject({ kind, code, httpStatus: status, requestId: 'req_1', message: 'because' });
  expect(requests).toHaveLength(1);
});

test('being limited tells how long to wait', async () => {
  const { stripe } = await providerOf(
    refusing(429, { type: 'rate_limit', code: 'rate_limit' }, { 'retry-after': '3' }),
  );
  expect(await failureOf(stripe.createTransfer(transfer))).toMatchObject({ kind: 'rate_limited', retryAfterMs: 3000 });
});

test('a connection that breaks before the answer leaves the outcome unknown, and nothing is sent twice', async () => {
  const { stripe, requests } = await providerOf((request) => request.socket.resetAndDestroy());
  expect(await failureOf(stripe.createTransfer(transfer))).toMatchObject({ kind: 'unknown', code: 'ECONNRESET' });
  expect(requests).toHaveLength(1);
});

test('a connection that breaks within the answer leaves the outcome unknown', async () => {
  const { stripe } = await providerOf((request, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{"id":', () => request.socket.resetAndDestroy());
  });
  expect((await failureOf(stripe.createTransfer(transfer))).kind).toBe('unknown');
});

test('an answer that is not JSON leaves the outcome unknown', async () => {
  const { stripe } = await providerOf((_request, response) => response.writeHead(200).end('<html>'));
  expect((await failureOf(stripe.createTransfer(transfer))).kind).toBe('unknown');
});

test('no answer in time leaves the outcome unknown', async () => {
  const { stripe, requests } = await providerOf(() => undefined, 200);
  expect(await failureOf(stripe.createTransfer(transfer))).toMatchObject({ kind: 'unknown', code: 'ETIMEDOUT' });
  expect(requests).toHaveLength(1);
});

test('where nobody listens nothing was sent', async () => {
  const { stripe, stop } = await providerOf(() => undefined);
  await stop();
  const failure = await failureOf(stripe.createTransfer(transfer));
  expect(failure).toMatchObject({ kind: 'unavailable_before_send', code: 'ECONNREFUSED' });
});

test('giving up before the call sends nothing, giving up during the call leaves the outcome unknown', async () => {
  const giveUp = new AbortController();
  const { stripe, requests } = await providerOf(() => {
    giveUp.abort();
  });
  expect(await failureOf(stripe.createTransfer(transfer, giveUp.signal))).toMatchObject({
    kind: 'unknown',
    code: 'aborted',
  });
  const again = await failureOf(stripe.createTransfer(transfer, giveUp.signal));
  expect(again).toMatchObject({ kind: 'unavailable_before_send', code: 'aborted' });
  expect(requests).toHaveLength(1);
});

test('an amount that cannot be sent is a mistake of ours', async () => {
  const { stripe, requests } = await providerOf(refusing(500, {}));
  for (const amount of [0n, -1n, 2n ** 60n]) {
    await expect(stripe.createTransfer({ ...transfer, amount })).rejects.toThrow(RangeError);
  }
  expect(requests).toHaveLength(0);
});
