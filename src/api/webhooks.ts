import { Type } from 'typebox';
import { Problem } from '../domain/problems.ts';
import { verifyWebhook } from '../providers/stripe/webhook.ts';
import type { App } from './app.ts';
import { WebhookInbox } from './webhook-inbox.ts';

/** What providers call. An event is believed for its signature, stored once for its id, and answered 200 when it is committed. */
export function webhookRoutes(app: App): void {
  const inbox = new WebhookInbox(app, 'stripe');
  void app.register((scope: App, _options, done) => {
    // the signature is over the bytes as they came
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => {
      parsed(null, body);
    });
    scope.post(
      '/webhooks/stripe',
      {
        config: { access: 'anyone', rateLimit: 'none' },
        schema: {
          tags: ['Webhooks'],
          summary: "Stripe's events, signed",
          response: { 200: Type.Object({ received: Type.Boolean() }) },
        },
      },
      async (request) => {
        const signature = request.headers['stripe-signature'];
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        const event = verifyWebhook(body, String(signature ?? ''), app.settings.stripe.webhookSecrets);
        if (!event) throw new Problem('validation_failed', 'The signature is missing, wrong or too old.');
        await inbox.add(event);
        return { received: true };
      },
    );
    done();
  });
}
