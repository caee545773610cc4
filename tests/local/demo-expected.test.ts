import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { channelsOf, expectedEarnings, parseRate } from '../../src/local/demo/expected.ts';

const row = (channel: string, videoId: string, views: number) => ({
  line: 1,
  date: '2024-05-01',
  channel,
  videoId,
  views,
});

function earned(rows: ReturnType<typeof row>[], rate: bigint): Record<string, bigint> {
  return Object.fromEntries([...channelsOf(rows)].map(([name, channel]) => [name, expectedEarnings(channel, rate)]));
}

describe('what a file is worth', () => {
  test('is the highest count of each video, added up and rounded down once for each channel', () => {
    const rows = [row('A', 'one', 999), row('B', 'one', 5), row('A', 'two', 5001), row('A', 'one', 400)];
    expect(earned(rows, 150n)).toEqual({ A: 900n, B: 0n });
    expect(earned([row('A', 'one', 6), row('A', 'two', 1)], 150n)).toEqual({ A: 1n });
  });

  test('does not depend on the order or repetition of rows', () => {
    const rows = fc.array(fc.tuple(fc.constantFrom('A', 'B'), fc.constantFrom('v', 'w'), fc.nat(1e12)));
    fc.assert(
      fc.property(rows, fc.bigInt(1n, 100_000n), (made, rate) => {
        const file = made.map((counts) => row(...counts));
        const twiceBackwards = [...file, ...file].reverse();
        expect(earned(twiceBackwards, rate)).toEqual(earned(file, rate));
      }),
    );
  });
});

describe('a rate', () => {
  test.each([
    ['1.50', 150n],
    ['2', 200n],
    ['0.5', 50n],
    ['0.010000', 1n],
    ['999999.99', 99999999n],
  ])('of %s dollars is %d cents', (dollars, cents) => {
    expect(parseRate(dollars)).toBe(cents);
  });

  test.each(['0', '0.00', '0.005', '1.505', '-1', 'free'])('of %s is refused', (dollars) => {
    expect(() => parseRate(dollars)).toThrow(/whole cents, at least 0.01/);
  });
});
