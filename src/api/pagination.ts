import { Type, type Static, type TProperties, type TSchema } from 'typebox';
import { Problem } from '../domain/problems.ts';
import { nullable } from './schemas.ts';

const limit = Type.Integer({ minimum: 1, maximum: 100, default: 20 });

/** The query of a list, with more properties where the list has filters. */
export function listQueryWith<Filters extends TProperties>(filters: Filters) {
  return Type.Object({
    limit,
    cursor: Type.Optional(Type.String({ maxLength: 512, description: '`next_cursor` of the page before' })),
    ...filters,
  });
}

export const listQuery = listQueryWith({});

/** The query of a list that is paged by position. */
export function offsetQueryWith<Filters extends TProperties>(filters: Filters) {
  return Type.Object({ limit, offset: Type.Integer({ minimum: 0, maximum: 1_000_000, default: 0 }), ...filters });
}

export function pageSchema<Item extends TSchema>(item: Item) {
  return Type.Object({
    data: Type.Array(item),
    has_more: Type.Boolean(),
    next_cursor: nullable(Type.String()),
  });
}

export interface Page<Row> {
  data: Row[];
  has_more: boolean;
  next_cursor: string | null;
}

/** One page of `limit + 1` rows that were asked for; `cursorOf` is what the next page starts after. */
export function page<Row>(rows: Row[], limit: number, cursorOf: (row: Row) => string): Page<Row> {
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { data, has_more: more, next_cursor: more ? Buffer.from(cursorOf(last)).toString('base64url') : null };
}

/** What `cursorOf` gave for the last row of the page before. Errors: `validation_failed` for what is no cursor. */
export function parseCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const text = Buffer.from(cursor, 'base64url').toString();
  if (text === '' || Buffer.from(text).toString('base64url') !== cursor) throw badCursor();
  return text;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** As {@link parseCursor}, for lists that are ordered by id. */
export function parseIdCursor(cursor: string | undefined): string | undefined {
  const id = parseCursor(cursor);
  if (id !== undefined && !UUID.test(id)) throw badCursor();
  return id;
}

function badCursor(): Problem {
  return new Problem('validation_failed', 'The cursor is not one that this list gave.', [
    { path: 'cursor', message: 'must be next_cursor of the page before' },
  ]);
}

export type ListQuery = Static<typeof listQuery>;
