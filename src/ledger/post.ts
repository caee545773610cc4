import { hash } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { CompiledQuery } from 'kysely';
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
  const ids = entries.map(() => uuidv7());
  const call = CompiledQuery.raw(CALL, [...headers(ids, entries, by), ...movements(entries)]);
  try {
    const { rows } = await em.getKysely().executeQuery<{ replays: Replay[] | null }>(call);
    const replays = rows[0]?.replays ?? ids.map((entryId) => ({ entryId, replayed: false }));
    return entries.map(({ key }, index) => ({ key, ...replays[index]! }));
  } catch (error) {
    throw ledgerError(error);
  }
}

type Replay = Pick<PostedEntry, 'entryId' | 'replayed'>;

const CALL = `/* prepared: ledger_post */
  select ledger_post($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) as replays`;

function headers(ids: string[], entries: JournalEntry[], { actor, workflowId }: PostedBy): (string | null)[] {
  return [
    array(ids),
    array(entries.map((entry) => entry.type)),
    array(entries.map((entry) => quoted(entry.key))),
    array(entries.map((entry) => quoted(`\\x${requestHash(entry)}`))),
    arrayOfSome(entries.map((entry) => entry.reverses)),
    arrayOfSome(entries.map((entry) => entry.effectiveAt?.toISOString())),
    arrayOfSome(entries.map((entry) => entry.correlationId)),
    actor,
    workflowId ?? null,
  ];
}

interface Movement {
  entry: number;
  number: number;
  amount: bigint;
}

function movements(entries: JournalEntry[]): string[] {
  const byAccount = new Map<string, { account: LedgerAccount; lines: Movement[] }>();
  entries.forEach((entry, index) => {
    entry.lines.forEach(({ account, amount }, number) => {
      const line = { entry: index + 1, number: number + 1, amount };
      const known = byAccount.get(account.id);
      if (known) known.lines.push(line);
      else byAccount.set(account.id, { account, lines: [line] });
    });
  });
  const used = [...byAccount.values()].sort((a, b) => inLockOrder(a.account, b.account));
  const lines = used.flatMap((account) => account.lines);
  return [
    array(used.map(({ account }) => account.id)),
    array(used.map(({ account }) => quoted(account.name))),
    array(lines.map((line) => line.entry)),
    array(lines.map((line) => line.number)),
    array(used.flatMap((account, index) => account.lines.map(() => index + 1))),
    array(lines.map((line) => line.amount)),
  ];
}

/** A PostgreSQL array literal, which the driver would write more slowly. What is not an id, a number or a word of ours is `quoted`. */
function array(elements: (string | number | bigint)[]): string {
  return `{${elements.join(',')}}`;
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

/** Null where no element is there. */
function arrayOfSome(elements: (string | undefined)[]): string | null {
  if (elements.every((element) => element === undefined)) return null;
  return array(elements.map((element) => (element === undefined ? 'NULL' : quoted(element))));
}

/** Everybody moves accounts in this order, so that nobody waits in a circle; the busy ones, shared by all, come last. */
function inLockOrder(a: LedgerAccount, b: LedgerAccount): number {
  const shared = Number(a.ownerId === null) - Number(b.ownerId === null);
  return shared !== 0 ? shared : a.id < b.id ? -1 : 1;
}

/** Over what the entry says and moves; when and by whom it is repeated does not matter. */
function requestHash(entry: JournalEntry): string {
  const lines = entry.lines.map((line) => `${line.account.id}:${line.amount}`).sort();
  return hash('sha256', [entry.type, entry.reverses ?? '', ...lines].join('|'));
}
