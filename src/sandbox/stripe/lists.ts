/** Stripe's list envelope: newest first, with `starting_after`, `ending_before`, `limit` and `created`. */
import type Stripe from 'stripe';
import type { Row } from '../tables.ts';
import { missing, refusal } from './errors.ts';
import type { Params, Range } from './params.ts';

interface Page {
  limit: number;
  after: string | undefined;
  before: string | undefined;
  created: Range | undefined;
}

/** Reads the parameters that every list has; the caller reads its own and then ends them. */
export function pageOf(params: Params): Page {
  const page = {
    limit: params.integer('limit', { min: 1, max: 100 }) ?? 10,
    after: params.text('starting_after'),
    before: params.text('ending_before'),
    created: params.range('created'),
  };
  if (page.after === undefined || page.before === undefined) return page;
  throw refusal('You may only specify one of these parameters: ending_before, starting_after.', 'ending_before');
}

interface ListSource<T, V> {
  url: string;
  noun: string;
  /** In order of creation. */
  rows: readonly Row<T>[];
  /** The row that a cursor names. */
  find: (id: string) => Row<T> | undefined;
  /** Whether a record passes the filters, besides `created`. */
  keep?: (value: T) => boolean;
  view: (value: T) => V;
}

export function listOf<T extends { created?: number }, V>(page: Page, source: ListSource<T, V>): Stripe.ApiList<V> {
  const { rows, keep = () => true } = source;
  const cursor = cursorOf(page, source);
  const forward = page.before !== undefined;
  const step = forward ? 1 : -1;
  const first = cursor === undefined ? rows.length - 1 : besides(rows, cursor.position, forward);
  const found: T[] = [];
  for (let index = first; index >= 0 && index < rows.length && found.length <= page.limit; index += step) {
    const { value } = rows[index]!;
    const side = sideOf(value.created ?? 0, page.created);
    // rows are in order of creation: beyond the far end of the range nothing follows
    if (side === step) break;
    if (side === 0 && keep(value)) found.push(value);
  }
  const shown = found.slice(0, page.limit);
  if (forward) shown.reverse();
  return { object: 'list', data: shown.map(source.view), has_more: found.length > page.limit, url: source.url };
}

function cursorOf<T, V>(page: Page, { find, noun }: ListSource<T, V>): Row<T> | undefined {
  const id = page.after ?? page.before;
  if (id === undefined) return undefined;
  const row = find(id);
  if (row) return row;
  throw missing(noun, id, page.after === undefined ? 'ending_before' : 'starting_after', 400);
}

/** The index of the next row after `position`, or of the last one before it. */
function besides<T>(rows: readonly Row<T>[], position: number, forward: boolean): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.position < position + (forward ? 1 : 0)) low = middle + 1;
    else high = middle;
  }
  return forward ? low : low - 1;
}

/** -1: older than the range, 1: newer. */
function sideOf(created: number, range: Range = {}): -1 | 0 | 1 {
  if (created < (range.gte ?? -Infinity) || created <= (range.gt ?? -Infinity)) return -1;
  if (created > (range.lte ?? Infinity) || created >= (range.lt ?? Infinity)) return 1;
  return 0;
}
