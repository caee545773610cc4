/** /v1/accounts/:account/capabilities */
import type Stripe from 'stripe';
import { accountOf, changeAccount } from './account-changes.ts';
import { viewCapability } from './account-view.ts';
import type { Box } from './box.ts';
import { missing } from './errors.ts';
import { nowSeconds, type Call, type Endpoint } from './state.ts';

const COLLECTION = '/v1/accounts/:account/capabilities';

export function capabilityEndpoints(box: Box): Endpoint[] {
  return [
    { method: 'GET', path: COLLECTION, run: (call) => list(box, call) },
    { method: 'GET', path: `${COLLECTION}/:id`, run: (call) => retrieve(box, call) },
    { method: 'POST', path: `${COLLECTION}/:id`, run: (call) => update(box, call) },
  ];
}

function list(box: Box, { path, params }: Call): Stripe.ApiList<Stripe.Capability> {
  const account = accountOf(box, path.account!);
  params.end();
  const data = Object.keys(account.requested).map((id) => viewCapability(account, id));
  return { object: 'list', data, has_more: false, url: `/v1/accounts/${account.id}/capabilities` };
}

function retrieve(box: Box, { path, params }: Call): Stripe.Capability {
  const account = accountOf(box, path.account!);
  params.end();
  if (!/^[a-z0-9_]+$/.test(path.id!)) throw missing('capability', path.id!, 'capability');
  return viewCapability(account, path.id!);
}

function update(box: Box, { path, params, request }: Call): Stripe.Capability {
  const account = accountOf(box, path.account!);
  const requested = params.flag('requested');
  params.end();
  const id = path.id!;
  const kept = Object.entries(account.requested).filter(([name]) => name !== id || requested !== false);
  const added = requested === true && account.requested[id] === undefined ? [[id, nowSeconds()] as const] : [];
  const change = () => {
    const changed = { ...account, requested: Object.fromEntries([...kept, ...added]) };
    return viewCapability(box.state.accounts.replace(changed), id);
  };
  return changeAccount(box, account.id, change, request);
}
