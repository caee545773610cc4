import { FAULT_KINDS } from '../../src/sandbox/faults.ts';
import type { Evidence, PayoutRow } from './evidence.ts';
import type { Movement } from './journal.ts';
import type { Payee } from './payees.ts';
import type { Plan } from './plan.ts';
import type { RunBody } from './run.ts';

/** Something that must not be. */
export interface Finding {
  what: string;
  payoutId?: string;
}

interface Case {
  plan: Plan;
  payees: Payee[];
  run: RunBody;
  evidence: Evidence;
}

/** Every check of what the sides say against each other; none found: each due payout moved money exactly once. */
export function findWrong(given: Case): Finding[] {
  return [
    ...wrongRun(given),
    ...given.payees.flatMap((payee) => wrongPayee(payee, given.evidence)),
    ...wrongMovements(given),
    ...wrongLedger(given),
    ...wrongProcesses(given.evidence),
    ...faultsThatNeverStruck(given),
  ];
}

const sum = (amounts: Iterable<bigint>): bigint => [...amounts].reduce((total, amount) => total + amount, 0n);

function compare(what: string, is: unknown, shouldBe: unknown, payoutId?: string): Finding[] {
  if (is === shouldBe) return [];
  return [{ what: `${what} is ${String(is)}, should be ${String(shouldBe)}`, ...(payoutId && { payoutId }) }];
}

function wrongRun({ payees, run }: Case): Finding[] {
  const paid = payees.filter(({ failingNumber }) => failingNumber === undefined);
  const expected: Partial<RunBody> = {
    status: 'completed',
    considered: payees.length,
    due: payees.length,
    completed: paid.length,
    failed: payees.length - paid.length,
    skipped: 0,
    amount_due: Number(sum(payees.map(({ amount }) => amount))),
    amount_paid: Number(sum(paid.map(({ amount }) => amount))),
    progress: 1,
  };
  return Object.entries(expected).flatMap(([name, value]) =>
    compare(`the run's ${name}`, run[name as keyof RunBody], value),
  );
}

/** One payout each, and the payout's own status, the provider's record, the balances and the earnings tell the same. */
function wrongPayee({ creatorId, amount, failingNumber }: Payee, evidence: Evidence): Finding[] {
  const payouts = evidence.payouts.filter((payout) => payout.creator_id === creatorId);
  const [payout] = payouts;
  if (!payout || payouts.length > 1)
    return [{ what: `creator ${creatorId} has ${payouts.length} payouts, should have 1` }];
  const paid = failingNumber === undefined;
  const of = (what: string, is: unknown, shouldBe: unknown) =>
    compare(`payout ${payout.id}: ${what}`, is, shouldBe, payout.id);
  const { available, in_payout: inPayout } = evidence.balances.get(creatorId) ?? { available: 0n, in_payout: 0n };
  return [
    ...of('status', payout.status, paid ? 'completed' : 'failed'),
    ...of('needs_return', payout.needs_return, false),
    ...of('amount', payout.amount, amount),
    ...of('steps without an end', payout.unended, 0),
    ...of('line items', payout.lines, paid ? amount : 0n),
    ...of('available', available, paid ? 0n : amount),
    ...of('in_payout', inPayout, 0n),
    ...of('earnings', evidence.earnings.get(creatorId), paid ? 'paid' : 'locked'),
    ...wrongMoves(payout, evidence).flatMap(({ what, is, shouldBe }) => of(what, is, shouldBe)),
  ];
}

function wrongMoves(payout: PayoutRow, { movements, banks }: Evidence) {
  const moves = movements.filter(({ payoutId }) => payoutId === payout.id);
  const net = (type: Movement['type']) => moves.filter((move) => move.type === type);
  const times = payout.status === 'completed' ? 1 : 0;
  const paidOut = net('payout').filter(({ id }) => banks.get(id) === 'paid');
  return [
    { what: 'transfers less reversals', is: net('transfer').length - net('transfer_reversal').length, shouldBe: times },
    { what: 'bank payouts less failed ones', is: paidOut.length, shouldBe: times },
    {
      what: 'bank payouts under way',
      is: net('payout').filter(({ id }) => !isDecided(banks.get(id))).length,
      shouldBe: 0,
    },
    {
      what: 'movements of another amount',
      is: moves.filter((move) => move.amount !== payout.amount).length,
      shouldBe: 0,
    },
  ];
}

const isDecided = (status: string | undefined) => status === 'paid' || status === 'failed';

function wrongMovements({ evidence: { payouts, movements } }: Case): Finding[] {
  const known = new Set(payouts.map(({ id }) => id));
  return movements
    .filter(({ payoutId, currency }) => !known.has(payoutId ?? '') || currency !== 'usd')
    .map(({ type, id, amount }) => ({ what: `the ${type} ${id} of ${amount} belongs to no payout of ours` }));
}

function wrongLedger({ payees, evidence }: Case): Finding[] {
  const { payouts, movements, banks, cash, clearing, differences } = evidence;
  const completed = sum(payouts.filter(({ status }) => status === 'completed').map(({ amount }) => amount));
  const earned = sum(payees.map(({ amount }) => amount));
  const of = (type: Movement['type']) => movements.filter((move) => move.type === type);
  const amounts = (moves: Movement[]) => sum(moves.map(({ amount }) => amount));
  return [
    ...differences.map((difference) => ({ what: `the ledger does not add up: ${difference}` })),
    ...compare('the clearing account', clearing, 0n),
    ...compare('what the ledger says was paid', cash + earned, completed),
    ...compare('what the provider transferred', amounts(of('transfer')) - amounts(of('transfer_reversal')), completed),
    ...compare('what banks were paid', amounts(of('payout').filter(({ id }) => banks.get(id) === 'paid')), completed),
  ];
}

function wrongProcesses({ payouts, running, broken, unhandledEvents }: Evidence): Finding[] {
  const parked = new Set(payouts.filter(({ status }) => status === 'failed').map(({ id }) => `payout/${id}`));
  const waiting = running.filter(({ workflowId, needsAttention }) => parked.has(workflowId) && needsAttention);
  return [
    ...running.filter((one) => !waiting.includes(one)).map(({ workflowId }) => ({ what: `${workflowId} still runs` })),
    ...compare('failed payouts that wait for a person', waiting.length, parked.size),
    ...broken.map((what) => ({ what })),
    ...unhandledEvents.map((event) => ({ what: `not handled: ${event}` })),
  ];
}

/** A test that injected nothing proves nothing. */
function faultsThatNeverStruck({ plan, evidence: { faultsLeft } }: Case): Finding[] {
  const planned = plan.disturbances.flatMap(({ fault }) => fault ?? []);
  const total = (kind: string, faults: { kind: string; count: number }[]) =>
    faults.filter((fault) => fault.kind === kind).reduce((count, fault) => count + fault.count, 0);
  return FAULT_KINDS.filter((kind) => {
    const ordered = total(
      kind,
      planned.map((fault) => ({ kind: fault.kind, count: fault.times })),
    );
    const left = total(
      kind,
      faultsLeft.map((fault) => ({ kind: fault.kind, count: fault.remaining })),
    );
    return ordered === left;
  }).map((kind) => ({ what: `no ${kind} ever struck` }));
}
