import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { accrue, verifiedValue, worth, type AccrualTerms, type Observation } from '../../src/domain/accrual.ts';
import { chargeFee } from '../../src/domain/fees.ts';

const terms: AccrualTerms = {
  metric: 'views',
  startsAt: new Date('2026-01-01T00:00:00Z'),
  endsAt: new Date('2026-02-01T00:00:00Z'),
  ratePerThousand: 150n,
  perCreatorCap: null,
};
const seen = (series: string, value: bigint, more: Partial<Observation> = {}): Observation => ({
  series,
  value,
  metric: 'views',
  observedAt: new Date('2026-01-15T00:00:00Z'),
  ...more,
});

const observations = fc.array(
  fc.record({
    series: fc.constantFrom('a', 'b', 'c'),
    metric: fc.constantFrom('views' as const, 'likes' as const),
    value: fc.bigInt(0n, 2n ** 53n - 1n),
    observedAt: fc.date({ min: new Date('2025-12-01'), max: new Date('2026-03-01'), noInvalidDate: true }),
  }),
  { maxLength: 30 },
);
const amounts = fc.bigInt(1n, 10n ** 12n);
const anyTerms = fc.record({ ratePerThousand: amounts, perCreatorCap: fc.option(amounts) });

describe('verifiedValue', () => {
  test('sums the highest count of each series', () => {
    expect(verifiedValue([seen('a', 10n), seen('b', 5n), seen('a', 30n), seen('a', 20n)], terms)).toBe(35n);
  });

  test('takes the edges of the campaign and nothing outside, and only the metric that pays', () => {
    const outside = [
      seen('a', 9n, { observedAt: new Date('2025-12-31T23:59:59.999Z') }),
      seen('a', 9n, { observedAt: new Date('2026-02-01T00:00:00.001Z') }),
      seen('a', 9n, { metric: 'likes' }),
    ];
    expect(verifiedValue(outside, terms)).toBe(0n);
    expect(verifiedValue([seen('a', 7n, { observedAt: terms.startsAt })], terms)).toBe(7n);
    expect(verifiedValue([seen('a', 8n, { observedAt: terms.endsAt })], terms)).toBe(8n);
  });

  test('does not depend on order or repetition', () => {
    fc.assert(
      fc.property(observations, fc.integer(), (all, seed) => {
        const again = [...all, ...all].sort((a, b) => Number((a.value ^ BigInt(seed)) - (b.value ^ BigInt(seed))));
        expect(verifiedValue(again, terms)).toBe(verifiedValue(all, terms));
      }),
    );
  });

  test('never falls when more is observed', () => {
    fc.assert(
      fc.property(observations, observations, (some, more) => {
        expect(verifiedValue([...some, ...more], terms)).toBeGreaterThanOrEqual(verifiedValue(some, terms));
      }),
    );
  });
});

describe('worth', () => {
  test.each([
    [999n, 1n, 0n],
    [1000n, 1n, 1n],
    [47_756n, 150n, 7163n],
    [2n ** 53n - 1n, 10n ** 9n, 9_007_199_254_740_991_000_000n],
  ])('%s counts at %s per thousand', (value, ratePerThousand, expected) => {
    expect(worth(value, { ratePerThousand, perCreatorCap: null })).toBe(expected);
  });

  test('stops at the cap', () => {
    expect(worth(10_000n, { ratePerThousand: 100n, perCreatorCap: 999n })).toBe(999n);
  });
});

describe('accrue', () => {
  const standing = (value: bigint, campaignId = 'one', accrued = 0n) => ({
    value,
    campaignId,
    accrued,
    feesCharged: 0n,
    terms: { ratePerThousand: 1000n, perCreatorCap: null },
  });

  test('serves those who come first while a budget lasts, each campaign from its own', () => {
    const left = new Map([
      ['one', 100n],
      ['two', 1000n],
    ]);
    const all = [standing(70n), standing(50n), standing(50n, 'two'), standing(10n)];
    const accruals = accrue(all, left, 0);
    expect(accruals.map(({ gross, short }) => [gross, short])).toEqual([
      [70n, false],
      [30n, true],
      [50n, false],
      [0n, true],
    ]);
  });

  test('takes nothing back where counts are worth less than was accrued', () => {
    expect(accrue([standing(5n, 'one', 9n)], new Map([['one', 100n]]), 0)[0]).toMatchObject({
      gross: 0n,
      short: false,
    });
  });

  test('comes to the same total and fee in however many steps the value grows', () => {
    fc.assert(
      fc.property(
        fc.array(fc.bigInt(0n, 2n ** 53n), { minLength: 1, maxLength: 12 }),
        anyTerms,
        amounts,
        fc.integer({ min: 0, max: 10_000 }),
        (values, paying, budget, feeBps) => {
          let state = { accrued: 0n, feesCharged: 0n, fees: 0n };
          for (const [index] of values.entries()) {
            const value = values.slice(0, index + 1).reduce((best, next) => (next > best ? next : best));
            const now = { ...state, value, campaignId: 'one', terms: paying };
            const [step] = accrue([now], new Map([['one', budget - state.accrued]]), feeBps);
            const { gross, fee, feesCharged } = step!;
            expect(fee >= 0n && fee <= gross).toBe(true);
            state = { accrued: state.accrued + gross, feesCharged, fees: state.fees + fee };
          }
          const best = values.reduce((highest, next) => (next > highest ? next : highest));
          const worthAll = worth(best, paying);
          const expected = worthAll < budget ? worthAll : budget;
          expect(state.accrued).toBe(expected);
          expect(state.fees).toBe((expected * BigInt(feeBps)) / 10_000n);
        },
      ),
    );
  });

  test('gives out no more than there is, and nothing while somebody before is short', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt(0n, 1000n), { maxLength: 20 }), fc.bigInt(0n, 5000n), (values, budget) => {
        const accruals = accrue(
          values.map((value) => standing(value)),
          new Map([['one', budget]]),
          0,
        );
        const total = accruals.reduce((sum, { gross }) => sum + gross, 0n);
        const wanted = values.reduce((sum, value) => sum + value, 0n);
        expect(total).toBe(wanted < budget ? wanted : budget);
        const firstShort = accruals.findIndex(({ short }) => short);
        if (firstShort >= 0) expect(accruals.slice(firstShort + 1).every(({ gross }) => gross === 0n)).toBe(true);
      }),
    );
  });
});

describe('chargeFee', () => {
  test('a change of the fee counts for what is earned from then on', () => {
    const first = chargeFee(1005n, 1000, 0n);
    const second = chargeFee(1005n, 0, first.exact);
    const third = chargeFee(1005n, 2000, second.exact);
    expect([first.fee, second.fee, third.fee]).toEqual([100n, 0n, 201n]);
  });

  test('many small amounts cost what one large amount does', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt(0n, 10n ** 6n)), fc.integer({ min: 0, max: 10_000 }), (parts, feeBps) => {
        let charged = 0n;
        let fees = 0n;
        for (const part of parts) {
          const step = chargeFee(part, feeBps, charged);
          charged = step.exact;
          fees += step.fee;
        }
        const whole = parts.reduce((sum, part) => sum + part, 0n);
        expect(fees).toBe((whole * BigInt(feeBps)) / 10_000n);
      }),
    );
  });
});
