/** Basis points in a whole. */
const WHOLE = 10_000n;

/** What was charged so far, without rounding: the sum of each amount times the basis points in force when it was earned. */
export type ExactFee = bigint;

export interface FeeStep {
  /** Minor units, zero or more and never more than the amount. */
  fee: bigint;
  exact: ExactFee;
}

/**
 * The platform's part of `amount` (minor units, not negative). Rounded down on everything charged so far, so that many small amounts
 * cost what one large amount does, and a change of `feeBps` counts for what is earned from then on.
 */
export function chargeFee(amount: bigint, feeBps: number, charged: ExactFee): FeeStep {
  const exact = charged + amount * BigInt(feeBps);
  return { fee: exact / WHOLE - charged / WHOLE, exact };
}
