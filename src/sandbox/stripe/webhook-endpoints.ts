/** /v1/webhook_endpoints: further receivers of events, besides the one that the environment names. */
import type Stripe from 'stripe';
import { newId } from '../ids.ts';
import type { Row } from '../tables.ts';
import type { Box } from './box.ts';
import { missing, refusal } from './errors.ts';
import { API_VERSION } from './event-feed.ts';
import { listOf, pageOf } from './lists.ts';
import { nowSeconds, type Call, type Endpoint, type WebhookEndpointRecord } from './state.ts';

const COLLECTION = '/v1/webhook_endpoints';

export function webhookEndpointEndpoints(box: Box): Endpoint[] {
  return [
    { method: 'POST', path: COLLECTION, run: (call) => create(box, call) },
    { method: 'GET', path: COLLECTION, run: (call) => list(box, call) },
    {
      method: 'GET',
      path: `${COLLECTION}/:id`,
      run: (call) => {
        call.params.end();
        return find(box, call).endpoint;
      },
    },
    { method: 'POST', path: `${COLLECTION}/:id`, run: (call) => update(box, call) },
    { method: 'DELETE', path: `${COLLECTION}/:id`, run: (call) => remove(box, call) },
  ];
}

function find(box: Box, { path }: Call): WebhookEndpointRecord {
  const record = box.state.endpoints.get(path.id!);
  if (!record) throw missing('webhook endpoint', path.id!, 'id');
  return record;
}

/** The secret is shown in this answer only. */
function create(box: Box, call: Call): Stripe.WebhookEndpoint {
  const { params } = call;
  const url = readUrl(params.required('url'));
  const events = params.list('enabled_events');
  if (!events) throw refusal('Missing required param: enabled_events.', 'enabled_events', 'parameter_missing');
  const connect = params.flag('connect') ?? false;
  const endpoint: Stripe.WebhookEndpoint = {
    id: newId('we_'),
    object: 'webhook_endpoint',
    api_version: params.text('api_version') ?? API_VERSION,
    application: null,
    created: nowSeconds(),
    description: params.unsettable('description') ?? null,
    enabled_events: events,
    livemode: false,
    metadata: params.metadata(),
    status: 'enabled',
    url,
  };
  params.end();
  const secret = newId('whsec_', 32);
  box.state.endpoints.put({ id: endpoint.id, connect, secret, endpoint });
  call.effect = { type: 'webhook_endpoint', id: endpoint.id, amount: 0, currency: null };
  return { ...endpoint, secret };
}

function list(box: Box, { params }: Call): object {
  const page = pageOf(params);
  params.end();
  const records = [...box.state.endpoints.values()].map(({ endpoint }) => endpoint);
  const rows: Row<Stripe.WebhookEndpoint>[] = records.map((value, position) => ({ position, account: '', value }));
  return listOf(page, {
    url: COLLECTION,
    noun: 'webhook endpoint',
    rows,
    find: (id) => rows.find(({ value }) => value.id === id),
    view: (endpoint) => endpoint,
  });
}

function update(box: Box, call: Call): Stripe.WebhookEndpoint {
  const record = find(box, call);
  const { params } = call;
  const before = record.endpoint;
  const url = params.text('url');
  const disabled = params.flag('disabled');
  const description = params.unsettable('description');
  const endpoint: Stripe.WebhookEndpoint = {
    ...before,
    url: url === undefined ? before.url : readUrl(url),
    enabled_events: params.list('enabled_events') ?? before.enabled_events,
    description: description === undefined ? before.description : description,
    metadata: params.metadata(before.metadata),
    status: disabled === undefined ? before.status : disabled ? 'disabled' : 'enabled',
  };
  params.end();
  box.state.endpoints.put({ ...record, endpoint });
  return endpoint;
}

function remove(box: Box, call: Call): Stripe.DeletedWebhookEndpoint {
  const { id } = find(box, call);
  call.params.end();
  box.state.endpoints.delete(id);
  return { id, object: 'webhook_endpoint', deleted: true };
}

function readUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw refusal('Invalid URL: an http or https address is needed.', 'url', 'url_invalid');
}
