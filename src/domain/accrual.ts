/**
 * What the counts of a participation are worth. A pure function of what was observed, so that any set of observations gives the same
 * total in whatever order, batches or repetition it came, and can be computed again at any time.
 */
import { chargeFee, type ExactFee } from './fees.ts';

/** Kept with each earning: which rules it was computed by. */
export const RULES_VERSION = 1;

export const metrics = ['views', 'clicks', 'likes'] as const;
export type Metric = (typeof metrics)[number];

/** A cumulative count of one series, which is a post or the participation as a whole. */
export interface Observation {
  series: string;
  metric: Metric;
  value: bigint;
  observedAt: Date;
}

export interface AccrualTerms {
  metric: Metric;
  startsAt: Date;
  endsAt: Date;
  /** Minor units for a thousand counts. */
  ratePerThousand: bigint;
  /** Minor units; null: as much as the budget gives. */
  perCreatorCap: bigint | null;
}

/** The sum of each series' highest count of the metric that pays, among those observed while the campaign ran. */
export function verifiedValue(observations: Iterable<Observation>, terms: AccrualTerms): bigint {
  const best = new Map<string, bigint>();
  for (const { series, metric, value, observedAt } of observations) {
    const counts = metric === terms.metric && observedAt >= terms.startsAt && observedAt <= terms.endsAt;
    if (counts && value > (best.get(series) ?? 0n)) best.set(series, value);
  }
  return [...best.values()].reduce((sum, value) => sum + value, 0n);
}

/** Minor units, rounded down, before any budget. */
export function worth(value: bigint, terms: Pick<AccrualTerms, 'ratePerThousand' | 'perCreatorCap'>): bigint {
  const earned = (value * terms.ratePerThousand) / 1000n;
  return terms.perCreatorCap !== null && earned > terms.perCreatorCap ? terms.perCreatorCap : earned;
}

/** How a participation stands before an accrual; amounts in minor units. */
export interface Standing {
  value: bigint;
  terms: Pick<AccrualTerms, 'ratePerThousand' | 'perCreatorCap'>;
  /** The purse that pays it. */
  campaignId: string;
  /** Gross, all that was ever accrued. */
  accrued: bigint;
  feesCharged: ExactFee;
}

export interface Accrual<S extends Standing> {
  standing: S;
  /** Zero where there is nothing new or nothing left; `fee` is a part of it. */
  gross: bigint;
  fee: bigint;
  feesCharged: ExactFee;
  /** The counts are worth more than the budget had. */
  short: boolean;
}

/**
 * What each participation earns beyond what it has, in the order given: where a campaign's budget runs short, who comes first is
 * served first. What was accrued once is never taken back here.
 *
 * @param left minor units that each campaign still has
 */
export function accrue<S extends Standing>(
  standings: S[],
  left: ReadonlyMap<string, bigint>,
  feeBps: number,
): Accrual<S>[] {
  const remaining = new Map(left);
  return standings.map((standing) => {
    const available = remaining.get(standing.campaignId) ?? 0n;
    const due = atLeastZero(worth(standing.value, standing.terms) - standing.accrued);
    const gross = due < available ? due : atLeastZero(available);
    remaining.set(standing.campaignId, available - gross);
    const { fee, exact } = chargeFee(gross, feeBps, standing.feesCharged);
    return { standing, gross, fee, feesCharged: exact, short: gross < due };
  });
}

function atLeastZero(amount: bigint): bigint {
  return amount > 0n ? amount : 0n;
}
