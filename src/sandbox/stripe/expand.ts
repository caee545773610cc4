/** `expand[]`: ids in an answer become the objects that they name, along paths such as `data.destination`. */
import { viewAccount } from './account-view.ts';
import type { Box } from './box.ts';
import { paymentOf } from './charges.ts';
import { refusal } from './errors.ts';

const DEPTH = 4;

const EXPANDABLE = new Set([
  'account',
  'balance_transaction',
  'destination',
  'destination_payment',
  'failure_balance_transaction',
  'source',
  'source_transfer',
  'transfer',
]);

/** Containers that a path may lead through. */
const CONTAINERS = new Set(['data', 'reversals', 'external_accounts']);

/** @throws StripeFailure for what cannot be expanded, before execution. */
export function checkExpansions(paths: string[]): void {
  for (const path of paths) {
    const parts = path.split('.');
    const leaf = parts.at(-1)!;
    const known = parts.every((part) => EXPANDABLE.has(part) || CONTAINERS.has(part));
    if (
      known &&
      parts.length <= DEPTH &&
      (EXPANDABLE.has(leaf) || leaf === 'reversals' || leaf === 'external_accounts')
    )
      continue;
    throw refusal(`This property cannot be expanded (${path}).`, 'expand');
  }
}

export function expandAll(box: Box, answer: object, paths: string[]): object {
  return paths.reduce((body, path) => expand(box, body, path.split('.')), answer);
}

function expand(box: Box, target: object, parts: string[]): object {
  const [name, ...rest] = parts;
  const value: unknown = new Map(Object.entries(target)).get(name ?? '');
  if (name === undefined || value === null || value === undefined) return target;
  return { ...target, [name]: inflate(box, value, rest) };
}

function inflate(box: Box, value: unknown, rest: string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => inflate(box, item, rest));
  const object = typeof value === 'string' ? find(box, value) : value;
  return typeof object === 'object' && object !== null ? expand(box, object, rest) : value;
}

function find(box: Box, id: string): object | undefined {
  const { accounts, balanceTransactions, banks, payouts, reversals, topups, transfers } = box.state;
  switch (id.slice(0, id.indexOf('_'))) {
    case 'acct': {
      const record = accounts.row(id)?.value;
      return record && viewAccount(box.state, record);
    }
    case 'txn':
      return balanceTransactions.row(id)?.value;
    case 'ba':
      return banks.row(id)?.value.bank;
    case 'tr':
      return transfers.row(id)?.value;
    case 'trr':
      return reversals.row(id)?.value;
    case 'po':
      return payouts.row(id)?.value;
    case 'tu':
      return topups.row(id)?.value;
    case 'py':
      return paymentOf(box, id);
    default:
      return undefined;
  }
}
