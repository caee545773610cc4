import { afterEach, beforeEach, expect, test } from '@jest/globals';
import Stripe from 'stripe';
import { errorOf, eventually, ofType, openSandbox, openSink, type Sink, type TestSandbox } from './support.ts';

const SECRET = 'whsec_test';
let sink: Sink;
let sandbox: TestSandbox;
beforeEach(async () => {
  sink = await openSink();
  sandbox = await openSandbox({ stripeWebhook: { url: sink.url, secret: SECRET, events: ['*'] } });
});
afterEach(async () => {
  await sandbox.close();
  await sink.close();
});

function topUp(amount = 100): Promise<Stripe.Topup> {
  return sandbox.stripe.topups.create({ amount, currency: 'usd' });
}

async function fault(kind: string, pattern: string, more: object = {}): Promise<void> {
  await sandbox.control('POST', '/faults', { provider: 'stripe', path_pattern: pattern, kind, ...more });
}

test('every event arrives signed, with the account it is about', async () => {
  const payee = await sandbox.payee();
  const transfer = await sandbox.stripe.transfers.create({ amount: 500, currency: 'usd', destination: payee });
  const payout = await sandbox.stripe.payouts.create({ amount: 500, currency: 'usd' }, { stripeAccount: payee });
  const [paid] = await sink.waitFor(ofType('payout.paid'));
  const event = sandbox.stripe.webhooks.constructEvent(paid!.body, paid!.headers['stripe-signature']!, SECRET);
  expect(event).toMatchObject({
    object: 'event',
    account: payee,
    api_version: '2026-10-28.endive',
    livemode: false,
    type: 'payout.paid',
    data: { object: { id: payout.id, status: 'paid' } },
    request: { id: null, idempotency_key: null },
  });
  expect(() =>
    sandbox.stripe.webhooks.constructEvent(paid!.body, paid!.headers['stripe-signature']!, 'whsec_other'),
  ).toThrow(Stripe.errors.StripeSignatureVerificationError);
  const [created] = await sink.waitFor(ofType('transfer.created'));
  expect(created?.event.account).toBeUndefined();
  expect(created?.event.data.object).toMatchObject({ id: transfer.id, amount: 500 });
  expect(created?.event.request?.id).toMatch(/^req_/);
  await sink.waitFor(ofType('account.updated'));
  await sink.waitFor(ofType('capability.updated'));
});

test('a refused delivery comes again, signed anew, until it is taken', async () => {
  sandbox = await sandbox.restart({ stripeWebhook: { url: sink.url, secret: SECRET, events: ['topup.succeeded'] } });
  sink.answers.push(500);
  const topup = await topUp();
  const [refused, taken] = await sink.waitFor(ofType('topup.succeeded'), 2);
  expect(taken?.event).toMatchObject({ id: refused?.event.id, data: { object: { id: topup.id } } });
  expect(taken?.headers['stripe-signature']).not.toBe(refused?.headers['stripe-signature']);
  await eventually(async () => {
    const event = await sandbox.stripe.events.retrieve(taken!.event.id);
    return event.pending_webhooks === 0 ? true : undefined;
  });
});

test('events wait for a receiver that is down', async () => {
  const { url } = sink;
  await sink.close();
  await topUp();
  const [event] = (await sandbox.stripe.events.list({ type: 'topup.succeeded' })).data;
  expect(event?.pending_webhooks).toBe(1);
  const other = await openSink();
  sandbox = await sandbox.restart({ stripeWebhook: { url: other.url, secret: SECRET, events: ['*'] } });
  const [late] = await other.waitFor(ofType('topup.succeeded'));
  expect(late?.event.id).toBe(event?.id);
  expect(url).not.toBe(other.url);
  sink = other;
});

test('a duplicate fault delivers the same event twice', async () => {
  await fault('duplicate_webhook', 'topup.succeeded');
  await topUp();
  const [one, two] = await sink.waitFor(ofType('topup.succeeded'), 2);
  expect(two?.event.id).toBe(one?.event.id);
  await topUp();
  await sink.waitFor(ofType('topup.succeeded'), 3);
  expect(sink.received.filter(({ event }) => event.type === 'topup.succeeded')).toHaveLength(3);
});

test('a reorder fault sends the event after the next one about the same object', async () => {
  await fault('reorder_webhooks', 'payout.created', { delay_ms: 60_000 });
  const payee = await sandbox.payee();
  await sandbox.stripe.transfers.create({ amount: 500, currency: 'usd', destination: payee });
  await sandbox.stripe.payouts.create({ amount: 500, currency: 'usd' }, { stripeAccount: payee });
  await sink.waitFor(ofType('payout.created'));
  const order = sink.received.map(({ event }) => event.type).filter((type) => type.startsWith('payout.'));
  expect(order.indexOf('payout.updated')).toBeLessThan(order.indexOf('payout.created'));
});

test('a reorder fault lets go after its delay', async () => {
  await fault('reorder_webhooks', 'balance.available', { delay_ms: 50 });
  await topUp();
  await sink.waitFor(ofType('balance.available'));
});

test('further endpoints get what they enabled, of the platform or of connected accounts', async () => {
  const platform = await openSink();
  const connect = await openSink();
  const { secret } = await sandbox.stripe.webhookEndpoints.create({
    url: platform.url,
    enabled_events: ['topup.succeeded'],
  });
  const second = await sandbox.stripe.webhookEndpoints.create({
    url: connect.url,
    enabled_events: ['*'],
    connect: true,
  });
  expect(secret).toMatch(/^whsec_/);
  await topUp();
  const payee = await sandbox.payee();
  const [taken] = await platform.waitFor(ofType('topup.succeeded'));
  const event = sandbox.stripe.webhooks.constructEvent(taken!.body, taken!.headers['stripe-signature']!, secret!);
  expect(event.type).toBe('topup.succeeded');
  await connect.waitFor(ofType('account.updated'));
  expect(connect.received.every((received) => received.event.account === payee)).toBe(true);
  expect(platform.received).toHaveLength(1);

  const list = await sandbox.stripe.webhookEndpoints.list();
  expect(list.data.map(({ id }) => id)[0]).toBe(second.id);
  expect(await sandbox.stripe.webhookEndpoints.retrieve(second.id)).not.toHaveProperty('secret');
  const disabled = await sandbox.stripe.webhookEndpoints.update(second.id, { disabled: true, description: 'off' });
  expect(disabled).toMatchObject({ status: 'disabled', description: 'off' });
  expect(await sandbox.stripe.webhookEndpoints.del(second.id)).toMatchObject({ deleted: true });
  expect(await errorOf(sandbox.stripe.webhookEndpoints.retrieve(second.id))).toMatchObject({ statusCode: 404 });
  const broken = sandbox.stripe.webhookEndpoints.create({ url: 'nowhere', enabled_events: ['*'] });
  expect(await errorOf(broken)).toMatchObject({ param: 'url' });
  await platform.close();
  await connect.close();
});

test('events are listed by type, time and account, page by page', async () => {
  const payee = await sandbox.payee();
  for (let count = 0; count < 3; count += 1) await topUp();
  const { stripe } = sandbox;
  const types = async (params: Stripe.EventListParams) =>
    (await stripe.events.list(params)).data.map(({ type }) => type);
  expect(await types({ type: 'topup.succeeded' })).toHaveLength(3);
  expect(new Set(await types({ types: ['topup.created', 'balance.available'] }))).toEqual(
    new Set(['topup.created', 'balance.available']),
  );
  expect(await types({ type: 'topup.*', limit: 100 })).toHaveLength(6);
  const now = Math.floor(Date.now() / 1000);
  expect(await types({ type: 'topup.succeeded', created: { gte: now - 60 } })).toHaveLength(3);
  expect(await types({ created: { gte: now + 60 } })).toEqual([]);
  expect(await types({ type: 'topup.succeeded', delivery_success: true })).toHaveLength(3);
  const walked: string[] = [];
  for await (const event of stripe.events.list({ limit: 2 })) walked.push(event.id);
  expect(new Set(walked).size).toBe(9);
  const connected = await stripe.events.list({}, { stripeAccount: payee });
  expect(connected.data.every(({ account }) => account === payee)).toBe(true);
  expect(await errorOf(stripe.events.retrieve(connected.data[0]!.id))).toMatchObject({ statusCode: 404 });
  expect((await stripe.events.retrieve(connected.data[0]!.id, {}, { stripeAccount: payee })).account).toBe(payee);
  expect(await errorOf(stripe.events.list({ type: 'a', types: ['b'] }))).toMatchObject({ param: 'types' });
});
