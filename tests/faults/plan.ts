import { OUTCOME_FAULTS, WEBHOOK_FAULTS, type FaultKind, type FaultOrder } from '../../src/sandbox/faults.ts';
import { Random } from './random.ts';

export const CREATORS = 100;

const KILLED = ['worker', 'api', 'temporal', 'postgres'] as const;
const REQUEST_FAULTS = [...OUTCOME_FAULTS, 'slow'] as const;
const PATHS = ['/v1/transfers', '/v1/payouts', '/v1/accounts'] as const;
/** Stripe's test numbers of bank accounts that payouts come back from. */
const FAILING_NUMBERS = ['000111111116', '000111111113', '000222222227', '000333333335', '000444444440'];
/** Any five different amounts: money that went to somebody else does not go unseen. */
const AMOUNTS = [2_500n, 3_001n, 4_999n, 12_345n, 100_000n];

export interface PlannedCreator {
  /** Minor units of USD. */
  amount: bigint;
  /** A bank account that payouts fail on; undefined: a good one. */
  failingNumber: string | undefined;
}

/** Done when Stripe has received so many requests since the run was asked for: a run of 100 sends 300 at the least. */
export interface Disturbance {
  at: number;
  kill?: (typeof KILLED)[number];
  fault?: FaultOrder;
}

export interface Plan {
  seed: number;
  creators: PlannedCreator[];
  /** By their time. */
  disturbances: Disturbance[];
}

/** All that is decided by chance, decided beforehand. Every process is killed and every fault of the contract is injected on every path. */
export function planOf(seed: number): Plan {
  const random = new Random(seed);
  const creators = Array.from({ length: CREATORS }, (_, index) => ({
    amount: AMOUNTS[index % AMOUNTS.length]!,
    failingNumber: index < 6 ? random.pick(FAILING_NUMBERS) : undefined,
  }));
  const disturbances = [...kills(random), ...PATHS.flatMap((path) => requestFaults(random, path)), ...extras(random)];
  return { seed, creators, disturbances: disturbances.sort((a, b) => a.at - b.at) };
}

function kills(random: Random): Disturbance[] {
  const once = KILLED.map((kill) => ({ at: random.int(5, 240), kill }));
  return [...once, { at: random.int(5, 240), kill: random.pick(['api', 'temporal', 'postgres'] as const) }];
}

function requestFaults(random: Random, path: (typeof PATHS)[number]): Disturbance[] {
  const money = path !== '/v1/accounts';
  return REQUEST_FAULTS.map((kind) => ({
    // each account is read once, before its transfer
    at: random.int(0, money ? 150 : 20),
    fault: order(random, kind, path, random.int(1, 2), money ? 'POST' : undefined),
  }));
}

/** What strikes look-ups, polls, reversals and webhooks. */
function extras(random: Random): Disturbance[] {
  const requests = Array.from({ length: 6 }, () => ({
    at: random.int(50, 250),
    fault: order(random, random.pick(REQUEST_FAULTS), random.pick(PATHS), 1),
  }));
  const reversals = REQUEST_FAULTS.map((kind) => ({ at: 0, fault: order(random, kind, '/reversals', 1) }));
  const webhooks = WEBHOOK_FAULTS.map((kind) => ({
    at: random.int(0, 60),
    fault: order(random, kind, 'payout.', random.int(40, 120)),
  }));
  return [...requests, ...reversals, ...webhooks];
}

const DELAYED: FaultKind[] = ['timeout_before', 'timeout_after', 'slow', 'reorder_webhooks'];

function order(random: Random, kind: FaultKind, path: string, times: number, method?: string): FaultOrder {
  return {
    provider: 'stripe',
    path_pattern: path,
    kind,
    times,
    ...(method && { method }),
    ...(DELAYED.includes(kind) && { delay_ms: random.int(200, 1500) }),
  };
}

export function describePlan({ seed, disturbances }: Plan): string {
  const lines = disturbances.map(({ at, kill, fault }) => {
    if (!fault) return `  ${at}: kill -9 ${kill ?? ''}`;
    const { kind, path_pattern: path, times, method = 'any', delay_ms: delay = 0 } = fault;
    return `  ${at}: ${kind} ${method} ${path} × ${times}${delay > 0 ? `, ${delay} ms` : ''}`;
  });
  return [`seed ${seed}; after so many requests to Stripe:`, ...lines].join('\n');
}
