import type pg from 'pg';

const TIMESTAMPTZ = 1184;

/** Lets raw queries give timestamps as ISO 8601 in UTC, to the microsecond, in place of PostgreSQL's own form without `T` and `Z`. */
export function readTimestampsAsIso(pool: pg.Pool): void {
  const types = pool.options.types as pg.TypeOverrides;
  types.setTypeParser(TIMESTAMPTZ, (text) => text.replace(' ', 'T').replace(/\+00$/, 'Z'));
}
