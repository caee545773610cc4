import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import Stripe from 'stripe';
import { v7 as uuidv7 } from 'uuid';
import { createTestApi, type TestApi } from '../support/api.ts';
import { until } from '../support/client.ts';
import { createTestNamespace } from '../support/workers.ts';

const secrets = ['whsec_platform', 'whsec_connect'];
const stripe = { secretKey: 'sk_test_1', webhookSecrets: secrets, apiBase: undefined, rateLimit: 0 };
const INBOX = 'provider-events/stripe';

let api: TestApi;

beforeAll(async () => {
  api = await createTestApi({ temporal: await createTestNamespace(), stripe });
});
beforeEach(async () => {
  await sql`delete from provider_event`.execute(api.app.orm.em.fork().getKysely());
});
afterAll(() => api.close());

const seconds = () => Math.floor(Date.now() / 1000);

function event(changes: object = {}): string {
  return JSON.stringify({
    id: `evt_${uuidv7()}`,
    object: 'event',
    type: 'payout.paid',
    account: 'acct_1',
    created: 1_780_000_000,
    data: { object: { id: 'po_1', amount: 12_345 } },
    ...changes,
  });
}

interface Sending {
  secret?: string;
  timestamp?: number;
  signature?: string;
  type?: string;
}

function send(
  payload: string,
  { secret = secrets[0]!, timestamp = seconds(), signature, type }: Sending = {},
  to = api,
) {
  const header = signature ?? Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });
  return to.app.inject({
    method: 'POST',
    url: '/webhooks/stripe',
    payload,
    headers: {
      'content-type': type ?? 'application/json; charset=utf-8',
      ...(header !== '' && { 'stripe-signature': header }),
    },
  });
}

interface Row {
  id: string;
  type: string;
  account: string | null;
  object_id: string | null;
  occurred_at: Date;
  payload: unknown;
  handled_at: Date | null;
}

async function stored(): Promise<Row[]> {
  return (await sql<Row>`select * from provider_event order by id`.execute(api.app.orm.em.fork().getKysely())).rows;
}

test.each(secrets)('an event signed with %s is stored as it came', async (secret) => {
  const payload = event();
  expect((await send(payload, { secret })).statusCode).toBe(200);
  const [row, ...more] = await stored();
  expect(more).toEqual([]);
  expect(row).toMatchObject({ type: 'payout.paid', account: 'acct_1', object_id: 'po_1', handled_at: null });
  expect(row?.payload).toEqual(JSON.parse(payload));
  expect(new Date(row!.occurred_at)).toEqual(new Date(1_780_000_000_000));
});

describe('refused with 400, and nothing is stored:', () => {
  test.each<[string, Sending]>([
    ['no signature', { signature: '' }],
    ['no signature in it', { signature: 't=1' }],
    ['garbage', { signature: 'v1=x,t=y' }],
    ['a signature by somebody else', { secret: 'whsec_other' }],
    ['one of 301 seconds ago', { timestamp: seconds() - 301 }],
  ])('%s', async (_name, sending) => {
    const response = await send(event(), sending);
    expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([400, 'validation_failed']);
    expect(await stored()).toEqual([]);
  });

  test('a body that was changed after it was signed', async () => {
    const signature = Stripe.webhooks.generateTestHeaderString({ payload: event(), secret: secrets[0]! });
    expect((await send(event(), { signature })).statusCode).toBe(400);
    const spaced = event();
    const signed = Stripe.webhooks.generateTestHeaderString({ payload: spaced, secret: secrets[0]! });
    expect((await send(`${spaced}\n`, { signature: signed })).statusCode).toBe(400);
    expect(await stored()).toEqual([]);
  });

  test('no body', async () => {
    expect((await api.app.inject({ method: 'POST', url: '/webhooks/stripe' })).statusCode).toBe(400);
  });
});

test('an event of the last five minutes is accepted, whatever its content type says', async () => {
  expect((await send(event(), { timestamp: seconds() - 290 })).statusCode).toBe(200);
  expect((await send(event(), { type: 'text/plain' })).statusCode).toBe(200);
  expect(await stored()).toHaveLength(2);
});

test('a repeated id is 200 and changes nothing, in sequence and at once', async () => {
  const payload = event();
  await send(payload);
  const id = (JSON.parse(payload) as { id: string }).id;
  await sql`update provider_event set handled_at = now() where id = ${id}`.execute(api.app.orm.em.fork().getKysely());
  const before = await stored();
  const again = await Promise.all(Array.from({ length: 20 }, () => send(payload)));
  expect(new Set(again.map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
  expect(await stored()).toEqual(before);
});

test('one that the database cannot store costs no other', async () => {
  const bad = event({ data: { object: { id: 'po_1', text: '\u0000' } } });
  const answers = await Promise.all(
    [...Array.from({ length: 10 }, () => event()), bad].map((payload) => send(payload)),
  );
  const codes = answers.map(({ statusCode }) => statusCode);
  expect(codes.filter((code) => code === 200)).toHaveLength(10);
  expect(codes.at(-1)).toBeGreaterThanOrEqual(400);
  expect(await stored()).toHaveLength(10);
});

test('a flood is stored completely and wakes the inbox with few signals', async () => {
  const payloads = Array.from({ length: 2000 }, () => event());
  const started = Date.now();
  const answers = await Promise.all(payloads.map((payload) => send(payload)));
  expect(answers.every(({ statusCode }) => statusCode === 200)).toBe(true);
  expect(await stored()).toHaveLength(2000);
  const handle = api.temporal.workflow.getHandle(INBOX);
  const signals = async () => {
    const { events } = await handle.fetchHistory();
    return (events ?? []).filter((one) => one.workflowExecutionSignaledEventAttributes).length;
  };
  await until(signals, (count) => count > 0);
  // one each 100 ms, and those of the tests before
  expect(await signals()).toBeLessThanOrEqual((Date.now() - started) / 100 + 30);
});

test('while Temporal is away events are stored all the same', async () => {
  const temporal = { address: '127.0.0.1:1', namespace: 'none', uiUrl: 'http://127.0.0.1:8233' };
  const alone = await createTestApi({ temporal, stripe });
  try {
    expect((await send(event(), {}, alone)).statusCode).toBe(200);
    const { rows } = await sql`select id from provider_event`.execute(alone.app.orm.em.fork().getKysely());
    expect(rows).toHaveLength(1);
  } finally {
    await alone.close();
  }
});

test('the same workflow is woken for each provider', async () => {
  await send(event());
  const description = await until(
    () => api.temporal.workflow.getHandle(INBOX).describe(),
    ({ type }) => type === 'providerEvents',
  );
  expect(description.status.name).toBe('RUNNING');
});
