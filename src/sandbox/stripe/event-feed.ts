/** Events: kept for 30 days for GET /v1/events, and sent to every endpoint that wants them, signed. */
import { createHmac } from 'node:crypto';
import type Stripe from 'stripe';
import { newId } from '../ids.ts';
import { Webhooks, type Delivery, type WebhookMessage } from '../webhooks.ts';
import { nowSeconds, type StripeState } from './state.ts';

export const API_VERSION = '2026-10-28.endive';

/** The endpoint of SANDBOX_STRIPE_WEBHOOK_URL. */
const ENVIRONMENT_ENDPOINT = 'we_environment';

interface Happening {
  type: Stripe.Event.Type;
  /** Whose event it is; `''`: the platform's. */
  account: string;
  object: object;
  previous?: object;
  /** The API request that caused it. */
  request?: Stripe.Event.Request;
}

export class EventFeed {
  readonly #state: StripeState;
  readonly #webhooks: Webhooks;

  constructor(state: StripeState) {
    const { log, scheduler, faults } = state.parts;
    this.#state = state;
    this.#webhooks = new Webhooks({
      provider: 'stripe',
      log,
      scheduler,
      faults,
      compose: (delivery) => this.#compose(delivery),
    });
  }

  emit({ type, account, object, previous, request = { id: null, idempotency_key: null } }: Happening): void {
    const event: Stripe.EventBase = {
      id: newId('evt_'),
      object: 'event',
      ...(account === '' ? {} : { account }),
      api_version: API_VERSION,
      created: nowSeconds(),
      data: { object, ...(previous ? { previous_attributes: previous } : {}) },
      livemode: false,
      pending_webhooks: 0,
      request,
      type,
    };
    this.#state.events.insert(event, account);
    const subject = 'id' in object ? String(object.id) : type;
    for (const endpoint of this.#endpointsFor(type, account)) {
      this.#webhooks.send({ endpoint, event: event.id, type, subject });
    }
  }

  view(event: Stripe.EventBase): Stripe.EventBase {
    return { ...event, pending_webhooks: this.#webhooks.pending(event.id) };
  }

  resume(): void {
    this.#webhooks.resume();
  }

  close(): void {
    this.#webhooks.close();
  }

  #endpointsFor(type: string, account: string): string[] {
    const { settings, endpoints } = this.#state;
    const wants = (events: string[]) => events.includes('*') || events.includes(type);
    const ids = settings.webhook && wants(settings.webhook.events) ? [ENVIRONMENT_ENDPOINT] : [];
    for (const { id, connect, endpoint } of endpoints.values()) {
      if (connect !== (account === '') && endpoint.status === 'enabled' && wants(endpoint.enabled_events)) ids.push(id);
    }
    return ids;
  }

  #compose({ endpoint, event: id }: Delivery): WebhookMessage | undefined {
    const { settings, endpoints, events } = this.#state;
    const stored = endpoints.get(endpoint);
    const target =
      endpoint === ENVIRONMENT_ENDPOINT
        ? settings.webhook
        : stored && { url: stored.endpoint.url, secret: stored.secret };
    const event = events.row(id)?.value;
    if (!target || !event) return undefined;
    const body = JSON.stringify(this.view(event));
    const at = nowSeconds();
    const signature = createHmac('sha256', target.secret).update(`${at}.${body}`).digest('hex');
    return {
      url: target.url,
      body,
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'user-agent': 'Stripe/1.0 (+https://docs.stripe.com/webhooks)',
        'stripe-signature': `t=${at},v1=${signature}`,
      },
    };
  }
}
