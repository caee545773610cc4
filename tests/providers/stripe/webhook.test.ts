import { expect, test } from '@jest/globals';
import Stripe from 'stripe';
import { verifyWebhook } from '../../../src/providers/stripe/webhook.ts';

const secrets = ['whsec_old', 'whsec_new'];
const payload = JSON.stringify({
  id: 'evt_1',
  object: 'event',
  type: 'payout.paid',
  account: 'acct_1',
  created: 1_700_000_000,
  data: { object: { id: 'po_1' } },
});
const now = () => Math.floor(Date.now() / 1000);
const sign = (secret: string, timestamp = now()) =>
  Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });

test.each(secrets)('an event signed with %s is accepted', (secret) => {
  const event = verifyWebhook(Buffer.from(payload), sign(secret), secrets);
  expect(event).toMatchObject({ id: 'evt_1', type: 'payout.paid', account: 'acct_1', objectId: 'po_1' });
});

test('a signature that is missing, of another secret, of another body or too old is not', () => {
  expect(verifyWebhook(Buffer.from(payload), undefined, secrets)).toBeUndefined();
  expect(verifyWebhook(Buffer.from(payload), 'v1=zzz', secrets)).toBeUndefined();
  expect(verifyWebhook(Buffer.from(payload), sign('whsec_other'), secrets)).toBeUndefined();
  expect(verifyWebhook(Buffer.from(`${payload} `), sign('whsec_new'), secrets)).toBeUndefined();
  expect(verifyWebhook(Buffer.from(payload), sign('whsec_new', now() - 301), secrets)).toBeUndefined();
  expect(verifyWebhook(Buffer.from(''), sign('whsec_new'), secrets)).toBeUndefined();
  expect(verifyWebhook(Buffer.from(payload), sign('whsec_new'), [])).toBeUndefined();
});
