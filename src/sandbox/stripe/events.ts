/** /v1/events: the platform's, or with the `Stripe-Account` header a connected account's, of the last 30 days. */
import type { Box } from './box.ts';
import { missing, refusal } from './errors.ts';
import { listOf, pageOf } from './lists.ts';
import type { Call, Endpoint } from './state.ts';

export function eventEndpoints(box: Box): Endpoint[] {
  return [
    { method: 'GET', path: '/v1/events', run: (call) => list(box, call) },
    {
      method: 'GET',
      path: '/v1/events/:id',
      run: ({ account, params, path }) => {
        params.end();
        const event = box.state.events.get(path.id!, account);
        if (!event) throw missing('event', path.id!, 'id');
        return box.feed.view(event);
      },
    },
  ];
}

function list(box: Box, { account, params }: Call): object {
  const page = pageOf(params);
  const type = params.text('type');
  const types = params.list('types');
  params.ignore('delivery_success');
  params.end();
  if (type !== undefined && types) throw refusal('You may only specify one of these parameters: type, types.', 'types');
  const wanted = types ?? (type === undefined ? ['*'] : [type]);
  return listOf(page, {
    url: '/v1/events',
    noun: 'event',
    rows: box.state.events.by('account', account),
    find: (id) => box.state.events.row(id),
    keep: (event) => wanted.some((pattern) => matches(event.type, pattern)),
    view: (event) => box.feed.view(event),
  });
}

/** A type by name, or a group such as `payout.*`. */
function matches(type: string, pattern: string): boolean {
  return pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}
