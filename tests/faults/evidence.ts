import { sql } from 'kysely';
import type { JournalEntry } from '../../src/sandbox/journal.ts';
import { railAccount } from '../../src/ledger/accounts.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { searchAttributes } from '../../src/workflows/contracts.ts';
import { movementsIn, readJournal, type Movement } from './journal.ts';
import type { World } from './world.ts';

export interface PayoutRow {
  id: string;
  creator_id: string;
  run_id: string;
  status: string;
  needs_return: boolean;
  amount: bigint;
  attempt: number;
  failure_code: string | null;
  /** Sum of the line items that are in force. */
  lines: bigint;
  /** Steps of the last attempt of which nobody wrote down how they ended. */
  unended: number;
}

export interface Balances {
  available: bigint;
  in_payout: bigint;
}

export interface Running {
  type: string;
  workflowId: string;
  needsAttention: boolean;
}

/** What every side says, independently of the others. */
export interface Evidence {
  payouts: PayoutRow[];
  journal: JournalEntry[];
  movements: Movement[];
  /** How each bank payout ended, by its id at the provider. */
  banks: Map<string, string>;
  balances: Map<string, Balances>;
  /** Negated: what the provider keeps for us. */
  cash: bigint;
  clearing: bigint;
  differences: string[];
  earnings: Map<string, string>;
  unhandledEvents: string[];
  faultsLeft: { path_pattern: string; kind: string; remaining: number; times: number }[];
  running: Running[];
  /** Workflows that ended other than well. */
  broken: string[];
}

export async function gather(world: World): Promise<Evidence> {
  const journal = await readJournal(world.control);
  const movements = movementsIn(journal);
  const { differences } = await verifyLedger(world.orm.em.fork());
  const { body: faults } = await world.control.get<{ data: Evidence['faultsLeft'] }>('/_sandbox/faults');
  return {
    payouts: await readPayouts(world),
    journal,
    movements,
    balances: await creatorBalances(world),
    cash: await railBalance(world, 'cash'),
    clearing: await railBalance(world, 'clearing'),
    differences: differences.map(({ check, subject, detail }) => `${check}: ${subject} ${detail}`),
    earnings: await earningStatuses(world),
    unhandledEvents: await unhandledEvents(world),
    faultsLeft: faults.data,
    running: await runningWorkflows(world),
    broken: await brokenWorkflows(world),
    banks: await bankOutcomes(world, movements),
  };
}

export async function readPayouts({ orm }: World): Promise<PayoutRow[]> {
  const { rows } = await sql<Omit<PayoutRow, 'amount' | 'lines'> & { amount: string; lines: string }>`
    select p.id, p.creator_id, p.run_id, p.status, p.needs_return, p.amount, p.attempt, p.failure_code,
           (select coalesce(sum(net), 0) from payout_line_item l where l.payout_id = p.id and l.released_at is null) as lines,
           (select count(*)::int from payout_attempt a
             where a.payout_id = p.id and a.attempt = p.attempt and a.status in ('started', 'unknown')) as unended
      from payout p order by p.id`.execute(orm.em.fork().getKysely());
  return rows.map((row) => ({ ...row, amount: BigInt(row.amount), lines: BigInt(row.lines) }));
}

async function creatorBalances({ orm }: World): Promise<Map<string, Balances>> {
  const { rows } = await sql<{ owner_id: string; available: string; in_payout: string }>`
    select owner_id, coalesce(sum(balance) filter (where kind = 'available'), 0) as available,
           coalesce(sum(balance) filter (where kind = 'in_payout'), 0) as in_payout
      from ledger_account where owner_type = 'creator' group by owner_id`.execute(orm.em.fork().getKysely());
  return new Map(
    rows.map((row) => [row.owner_id, { available: BigInt(row.available), in_payout: BigInt(row.in_payout) }]),
  );
}

async function railBalance({ orm }: World, kind: 'cash' | 'clearing'): Promise<bigint> {
  const { id } = railAccount('stripe', kind, 'USD');
  const { rows } = await sql<{ balance: string }>`select balance from ledger_account where id = ${id}`.execute(
    orm.em.fork().getKysely(),
  );
  return BigInt(rows[0]?.balance ?? 0);
}

async function earningStatuses({ orm }: World): Promise<Map<string, string>> {
  const { rows } = await sql<{ creator_id: string; statuses: string }>`
    select creator_id, string_agg(distinct status, ' ') as statuses from earning group by creator_id`.execute(
    orm.em.fork().getKysely(),
  );
  return new Map(rows.map(({ creator_id, statuses }) => [creator_id, statuses]));
}

export async function unhandledEvents({ orm }: World): Promise<string[]> {
  const { rows } = await sql<{ line: string }>`
    select id || ' ' || type || ' of ' || coalesce(account, 'the platform') || ': ' || coalesce(error, 'not looked at') as line
      from provider_event where handled_at is null`.execute(orm.em.fork().getKysely());
  return rows.map(({ line }) => line);
}

export async function runningWorkflows({ temporal }: World): Promise<Running[]> {
  const found: Running[] = [];
  for await (const info of temporal.client.workflow.list({ query: `ExecutionStatus = 'Running'` })) {
    const needsAttention = info.typedSearchAttributes.get(searchAttributes.needsAttention) === true;
    found.push({ type: info.type, workflowId: info.workflowId, needsAttention });
  }
  return found;
}

/** A question that ran out of time is no breakage: whoever asked was told to ask again, and did. */
async function brokenWorkflows({ temporal }: World): Promise<string[]> {
  const found: string[] = [];
  const query = `ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated', 'Canceled')`;
  for await (const { type, workflowId, status } of temporal.client.workflow.list({ query })) {
    if (type === 'requestPayoutRun' && status.name === 'TIMED_OUT') continue;
    found.push(`${workflowId} ended as ${status.name}`);
  }
  return found;
}

async function bankOutcomes({ stripe }: World, movements: Movement[]): Promise<Map<string, string>> {
  const made = movements.filter(({ type }) => type === 'payout');
  const found = await Promise.all(
    made.map(({ id, account }) => stripe.retrieveBankPayout({ account: account ?? '', id })),
  );
  return new Map(found.map(({ id, status }) => [id, status]));
}
