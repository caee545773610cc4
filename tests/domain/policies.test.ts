import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { releaseAt } from '../../src/domain/policies.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

test.each([
  ['2026-03-10T15:04:05.006Z', 0, '2026-03-10T15:04:05.006Z'],
  ['2026-03-10T15:04:05.006Z', 250, '2026-03-10T15:04:05.256Z'],
  ['2026-03-10T15:04:05.006Z', 23 * HOUR, '2026-03-11T14:04:05.006Z'],
  ['2026-03-10T15:04:05.006Z', DAY, '2026-03-12T00:00:00.000Z'],
  ['2026-03-10T00:00:00.000Z', DAY, '2026-03-11T00:00:00.000Z'],
  ['2026-03-10T00:00:00.001Z', 14 * DAY, '2026-03-25T00:00:00.000Z'],
  ['2026-02-20T12:00:00.000Z', 36 * HOUR, '2026-02-22T00:00:00.000Z'],
])('earned at %s with a hold of %d ms: released at %s', (earnedAt, hold, expected) => {
  expect(releaseAt(new Date(earnedAt), hold).toISOString()).toBe(expected);
});

test('a hold is never shorter than it says and less than a day longer', () => {
  const days = fc.date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
  fc.assert(
    fc.property(days, fc.integer({ min: 0, max: 90 * DAY }), (earnedAt, hold) => {
      const longer = releaseAt(earnedAt, hold).getTime() - earnedAt.getTime() - hold;
      expect(longer).toBeGreaterThanOrEqual(0);
      expect(longer).toBeLessThan(hold >= DAY ? DAY : 1);
    }),
  );
});
