import { createHash } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { LedgerAccount } from './accounts.ts';
import { ledgerError } from './errors.ts';

/** The business facts that move money. */
export type EntryType =
  | 'campaign_funded'
  | 'campaign_returned'
  | 'earning_accrued'
  | 'earning_locked'
  | 'payout_reserved'
  | 'payout_released'
  | 'payout_sent'
  | 'payout_returned'
  | 'payout_settled'
  | 'payout_unsettled'
  | 'reversal';

export interface EntryLine {
  account: LedgerAccount;
  /** Signed minor units; the lines of an entry add up to zero in each currency. */
  amount: bigint;
}

export interface JournalEntry {
  type: EntryType;
  /** Derived from the business fact. The same key with the same content is posted once; with other content it is refused. */
  key: string;
  lines: EntryLine[];
  /** The id of the entry that this one reverses; an entry is reversed once. */
  reverses?: string;
  /** When it happened, for reports; when it was recorded is kept beside it. */
  effectiveAt?: Date;
  correlationId?: string;
}

export interface PostedBy {
  actor: string;
  workflowId?: string;
}

export interface PostedEntry {
  key: string;
  entryId: string;
  /** True where the key was posted before: nothing moved now. */
  replayed: boolean;
}

/**
 * Posts any number of entries in one round trip and in order, inside the transaction of `em` if it has one: all or none.
 *
 * Errors: `InsufficientBalanceError` where a guarded account would fall below zero at any of its lines,
 * `IdempotencyKeyReusedError` where a key was used for other content, `LedgerError` for what the database refuses otherwise.
 */
export async function post(em: EntityManager, entries: JournalEntry[], by: PostedBy): Promise<PostedEntry[]> {
  if (entries.length === 0) return [];
  const a = toArrays(entries);
  const call = sql<{ replays: { entryId: string; replayed: boolean }[] | null }>`/* prepared: ledger_post */
    select ledger_post(
      ${a.ids}, ${a.types}, ${a.keys}, ${a.hashes}, ${a.reverses}, ${a.effective}, ${a.correlations}, ${by.actor}, ${by.workflowId ?? null},
      ${a.accountIds}, ${a.books}, ${a.ownerTypes}, ${a.ownerIds}, ${a.rails}, ${a.kinds}, ${a.currencies},
      ${a.lineEntries}, ${a.lineNumbers}, ${a.lineAccounts}, ${a.lineAmounts}) as replays`;
  try {
    const { rows } = await call.execute(em.getKysely());
    const replays = rows[0]?.replays ?? a.ids.map((entryId) => ({ entryId, replayed: false }));
    return entries.map(({ key }, index) => ({ key, ...replays[index]! }));
  } catch (error) {
    throw ledgerError(error);
  }
}

/** Everybody moves accounts in this order, so that nobody waits in a circle; the busy ones, shared by all, come last. */
function inLockOrder(a: LedgerAccount, b: LedgerAccount): number {
  const shared = Number(a.ownerId === null) - Number(b.ownerId === null);
  return shared !== 0 ? shared : a.id < b.id ? -1 : 1;
}

function toArrays(entries: JournalEntry[]) {
  const byId = new Map(entries.flatMap((entry) => entry.lines.map(({ account }) => [account.id, account])));
  const used = [...byId.values()].sort(inLockOrder);
  const position = new Map(used.map((account, index) => [account.id, index + 1]));
  const lines = entries.flatMap((entry, index) =>
    entry.lines.map((line, number) => ({
      entry: index + 1,
      number: number + 1,
      account: position.get(line.account.id),
      amount: line.amount.toString(),
    })),
  );
  return {
    ids: entries.map(() => uuidv7()),
    types: entries.map((entry) => entry.type),
    keys: entries.map((entry) => entry.key),
    hashes: entries.map(requestHash),
    reverses: entries.map((entry) => entry.reverses ?? null),
    effective: entries.map((entry) => entry.effectiveAt?.toISOString() ?? null),
    correlations: entries.map((entry) => entry.correlationId ?? null),
    accountIds: used.map((account) => account.id),
    books: used.map((account) => account.book),
    ownerTypes: used.map((account) => account.ownerType),
    ownerIds: used.map((account) => account.ownerId),
    rails: used.map((account) => account.rail),
    kinds: used.map((account) => account.kind),
    currencies: used.map((account) => account.currency),
    lineEntries: lines.map((line) => line.entry),
    lineNumbers: lines.map((line) => line.number),
    lineAccounts: lines.map((line) => line.account),
    lineAmounts: lines.map((line) => line.amount),
  };
}

/** Over what the entry says and moves; when and by whom it is repeated does not matter. */
function requestHash(entry: JournalEntry): Buffer {
  const lines = entry.lines.map((line) => `${line.account.id}:${line.amount}`).sort();
  return createHash('sha256')
    .update([entry.type, entry.reverses ?? '', ...lines].join('|'))
    .digest();
}
