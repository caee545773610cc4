import { writeFile } from 'node:fs/promises';
import { property } from '../errors.ts';
import { DemoError } from './errors.ts';
import type { RejectedRow } from './input.ts';
import type { CreatorOutcome, Outcome } from './outcome.ts';
import type { Stage } from './stages.ts';

/** What `--report` writes. Amounts in minor units. */
export interface Report {
  creators: number;
  participations: number;
  snapshots: number;
  rejected_rows: RejectedRow[];
  earned: number;
  held: number;
  locked: number;
  paid: number;
  payouts_completed: number;
  /** How many creators the run passed over, by reason. */
  skipped: Record<string, number>;
  provider_total: number;
  ledger_total: number;
  ledger_verified: boolean;
  creators_detail: { name: string; earned: number; paid: number; reason?: string }[];
  stages: Stage[];
}

interface Ingested {
  participations: number;
  snapshots: number;
  rejected: RejectedRow[];
  stages: Stage[];
}

export function makeReport(outcome: Outcome, { participations, snapshots, rejected, stages }: Ingested): Report {
  const { creators } = outcome;
  return {
    creators: creators.length,
    participations,
    snapshots,
    rejected_rows: rejected,
    earned: total(creators, ({ earned }) => earned),
    held: Number(outcome.held),
    locked: Number(outcome.locked),
    paid: total(creators, ({ paid }) => paid),
    payouts_completed: creators.reduce((count, { payoutsCompleted }) => count + payoutsCompleted, 0),
    skipped: countBy(creators.map(({ skipped }) => skipped)),
    provider_total: Number(outcome.providerTotal),
    ledger_total: Number(outcome.ledgerTotal),
    ledger_verified: outcome.ledgerDifferences.length === 0,
    creators_detail: creators.map(({ name, earned, paid, skipped, failed }) => {
      const reason = skipped ?? failed;
      return { name, earned: Number(earned), paid: Number(paid), ...(reason !== undefined && { reason }) };
    }),
    stages,
  };
}

/** One sentence for each thing that is wrong. @param minimum minor units that a payout has at least */
export function problemsOf(outcome: Outcome, report: Report, minimum: bigint): string[] {
  const { earned, held, locked, paid, provider_total: provider, ledger_total: ledger } = report;
  const compare = (what: string, a: number, b: number) => (a === b ? [] : [`${what}: ${a} and ${b} differ.`]);
  return [
    ...outcome.creators.flatMap((creator) => problemsOfCreator(creator, minimum)),
    ...compare('What was earned and what was held', earned, held),
    ...compare('What was held and what was locked', held, locked),
    ...compare('What was paid and what the provider paid', paid, provider),
    ...compare('What the provider paid and what the ledger settled', provider, ledger),
    ...outcome.ledgerDifferences.map((difference) => `The ledger does not add up: ${difference}.`),
  ];
}

function problemsOfCreator(
  { name, expected, earned, paid, skipped, failed }: CreatorOutcome,
  minimum: bigint,
): string[] {
  if (earned !== expected) return [`${name} earned ${earned}, but the file is worth ${expected}.`];
  const due = expected < minimum ? 0n : expected;
  return paid === due
    ? []
    : [`${name} is due ${due} and was paid ${paid}: ${failed ?? skipped ?? 'no reason is given'}.`];
}

/** @throws DemoError where the file cannot be written */
export async function writeReport(path: string, report: Report): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
  } catch (error) {
    if (property(error, 'syscall') === undefined) throw error;
    throw new DemoError(`The report cannot be written: ${String(property(error, 'message'))}.`, { cause: error });
  }
}

/** The report as people read it. */
export function tableOf(report: Report, views: bigint): string {
  const skipped = Object.entries(report.skipped).map(([reason, count]) => `${count} ${reason}`);
  const agree = report.provider_total === report.ledger_total ? '=' : '≠';
  const rows = [
    ['Creators', grouped(report.creators)],
    ['Participations', grouped(report.participations)],
    ['Snapshots', grouped(report.snapshots)],
    ['Views', grouped(views)],
    ['Earned', dollars(report.earned)],
    ['Held', dollars(report.held)],
    ['Locked', dollars(report.locked)],
    ['Paid', `${dollars(report.paid)} in ${grouped(report.payouts_completed)} payouts`],
    ['Skipped', skipped.length > 0 ? skipped.join(', ') : 'nobody'],
    ['Provider total', dollars(report.provider_total)],
    ['Ledger total', `${agree} ${dollars(report.ledger_total)}`],
    ['Ledger', report.ledger_verified ? 'verified' : 'DOES NOT ADD UP'],
    ['', ''],
    ...report.stages.map(({ name, seconds }) => [name, `${seconds.toFixed(1)} s`]),
  ];
  const width = Math.max(...rows.map(([name]) => name!.length));
  return rows.map(([name, value]) => `  ${name!.padEnd(width)}  ${value!}`.trimEnd()).join('\n');
}

function total(creators: CreatorOutcome[], amountOf: (creator: CreatorOutcome) => bigint): number {
  return Number(creators.reduce((sum, creator) => sum + amountOf(creator), 0n));
}

function countBy(reasons: (string | undefined)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const reason of reasons) if (reason !== undefined) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

function grouped(count: number | bigint): string {
  return count.toLocaleString('en-US');
}

function dollars(cents: number): string {
  return (cents / 100).toLocaleString('en-US', { style: 'currency', currency: 'USD' });
}
