import { Type } from 'typebox';
import type { Period } from '../database/queries/earnings.ts';

const DAY_MS = 86_400_000;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

function momentSchema(description: string) {
  return Type.Optional(
    Type.Unsafe<string>({ type: 'string', anyOf: [{ format: 'date' }, { format: 'date-time' }], description }),
  );
}

/** The filters of a list or a report by time. */
export const periodQuery = {
  from: momentSchema('A date (UTC) or an instant; the first that counts'),
  to: momentSchema('A date (UTC), the last that counts, or the instant before which it counts'),
};

export function parsePeriod({ from, to }: { from?: string; to?: string }): Period {
  return { from: from === undefined ? null : new Date(from), before: to === undefined ? null : endOf(to) };
}

function endOf(to: string): Date {
  return DATE.test(to) ? new Date(Date.parse(to) + DAY_MS) : new Date(to);
}
