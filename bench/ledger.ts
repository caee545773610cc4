import { createHash, randomInt } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import { CompiledQuery } from 'kysely';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { openOrm } from '../src/database/orm.ts';
import { creatorAccount, railAccount } from '../src/ledger/accounts.ts';
import { post, type JournalEntry } from '../src/ledger/post.ts';
import { verifyLedger } from '../src/ledger/verify.ts';
import { perSecond, type Section } from './findings.ts';
import { asOwner, urlsOf } from './installation.ts';
import type { Stack } from '../src/local/stack.ts';
import { compare, rateOf, type Contender } from './rounds.ts';

const CONNECTIONS = 8;
const CREATORS = 1000;
const BATCH = 500;
const FUNDS = 1_000_000_000n;

const HEADER = 'id, type, idempotency_key, request_hash, reverses_id, effective_at, actor, workflow_id, correlation_id';
const POSTING = 'entry_id, line, account_id, account_version, amount, currency, balance_after';
const INSERT_ONE = `insert into bench_entry (${HEADER}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`;

/** Posting through the ledger against writing rows of the same shape without one. */
export async function benchLedger(stack: Stack): Promise<Section> {
  await asOwner(stack, async (client) => {
    for (const [copy, original] of [
      ['bench_entry', 'journal_entry'],
      ['bench_posting', 'posting'],
    ] as const) {
      await client.query(`create table ${copy} (like ${original} including defaults including indexes)`);
    }
  });
  const orm = await openOrm(urlsOf(stack).app, CONNECTIONS);
  const pool = new pg.Pool({ connectionString: urlsOf(stack).app, max: CONNECTIONS });
  try {
    const creators = await fundedCreators(orm);
    const single = await compare(
      { post: posting(orm, creators, 1), orm: insertingThroughOrm(orm), pg: insertingThroughDriver(pool) },
      { rounds: 9, seconds: 1.5 },
    );
    const batches = await compare(
      {
        post: posting(orm, creators, BATCH),
        unnest: insertingArrays(pool, creators),
        values: insertingValues(pool, creators),
      },
      { rounds: 5, seconds: 2 },
    );
    const { differences } = await verifyLedger(orm.em.fork());
    if (differences.length > 0) throw new Error(`the ledger does not add up: ${JSON.stringify(differences)}`);
    const faster = batches.median('unnest') >= batches.median('values') ? 'unnest' : 'values';
    return {
      title: 'Ledger',
      findings: [
        {
          what: `post() of one two-leg entry, ${CONNECTIONS} connections, against single-row INSERT commits through the same connection stack`,
          value: single.ratio('post', 'orm'),
          target: { atLeast: 0.5 },
          from: `${perSecond(single.median('post'))} of ${perSecond(single.median('orm'))}`,
        },
        {
          what: 'the same against single-row INSERT commits through the bare driver',
          value: single.ratio('post', 'pg'),
          from: `${perSecond(single.median('post'))} of ${perSecond(single.median('pg'))}`,
        },
        {
          what: `post() of ${BATCH} two-leg entries at once against plain multi-row INSERT of the same rows`,
          value: batches.ratio('post', faster),
          target: { atLeast: 0.3 },
          from: `${perSecond(batches.median('post'))} of ${perSecond(batches.median(faster))} entries`,
        },
        {
          what: `post() of ${BATCH} entries at once against one at a time`,
          value: batches.median('post') / single.median('post'),
          target: { atLeast: 4 },
          from: `${perSecond(batches.median('post'))} to ${perSecond(single.median('post'))} entries`,
        },
      ],
      notes: [
        `An entry moves 1 from the pending to the available account of a creator picked at random from ${CREATORS}: header, two postings with running balances, two guarded balances, one transaction, one round trip; called as the application calls it, building the entry included. 9 rounds of 1.5 s.`,
        'The single-row baseline inserts one row with the columns and indexes of `journal_entry` (primary key, unique key, partial unique index), without triggers or foreign keys, each in its own transaction, as a prepared statement: once through MikroORM and kysely with a pool of 8, as `post()` goes, and once through a bare `pg` pool of 8.',
        `The batch baseline writes ${BATCH} headers and ${BATCH * 2} postings in one statement and one transaction into copies of both tables with the same indexes and without triggers, through the bare \`pg\` pool of 8, prepared, either from arrays with unnest() or as multi-row VALUES; the faster one counts (here ${faster}: ${perSecond(batches.median('unnest'))} with unnest, ${perSecond(batches.median('values'))} with VALUES). 5 rounds of 2 s.`,
        'Afterwards the whole ledger was rebuilt from its postings and agreed.',
      ],
    };
  } finally {
    await Promise.all([orm.close(true), pool.end()]);
  }
}

async function fundedCreators(orm: MikroORM): Promise<string[]> {
  const creators = Array.from({ length: CREATORS }, () => uuidv7());
  const lines = creators.map((id) => ({ account: creatorAccount(id, 'pending', 'USD'), amount: FUNDS }));
  const cash = { account: railAccount('stripe', 'cash', 'USD'), amount: -FUNDS * BigInt(CREATORS) };
  await post(orm.em.fork(), [{ type: 'campaign_funded', key: 'bench', lines: [cash, ...lines] }], { actor: 'bench' });
  return creators;
}

function posting(orm: MikroORM, creators: string[], size: number): Contender {
  const entry = (): JournalEntry => {
    const creator = oneOf(creators);
    return {
      type: 'earning_locked',
      key: `lock:${uuidv7()}`,
      lines: [
        { account: creatorAccount(creator, 'pending', 'USD'), amount: -1n },
        { account: creatorAccount(creator, 'available', 'USD'), amount: 1n },
      ],
    };
  };
  return (seconds) =>
    rateOf(seconds, CONNECTIONS, async () => {
      await post(orm.em.fork(), Array.from({ length: size }, entry), { actor: 'bench' });
      return size;
    });
}

function insertingThroughOrm(orm: MikroORM): Contender {
  const statement = `/* prepared: bench_entry */ ${INSERT_ONE}`;
  return (seconds) =>
    rateOf(seconds, CONNECTIONS, async () => {
      await orm.em.fork().getKysely().executeQuery(CompiledQuery.raw(statement, headerRow()));
      return 1;
    });
}

function insertingThroughDriver(pool: pg.Pool): Contender {
  return (seconds) =>
    rateOf(seconds, CONNECTIONS, async () => {
      await pool.query({ name: 'bench_entry', text: INSERT_ONE, values: headerRow() });
      return 1;
    });
}

function headerRow(): unknown[] {
  const key = `lock:${uuidv7()}`;
  const hash = createHash('sha256').update(key).digest();
  return [uuidv7(), 'earning_locked', key, hash, null, new Date().toISOString(), 'bench', null, null];
}

let version = 0;

function postingRows(creators: string[], entryId: string): unknown[][] {
  const creator = oneOf(creators);
  version += 1;
  return (['pending', 'available'] as const).map((kind, line) => {
    const amount = line === 0 ? -1 : 1;
    return [entryId, line + 1, creatorAccount(creator, kind, 'USD').id, version, amount, 'USD', version];
  });
}

function batchRows(creators: string[]): { headers: unknown[][]; postings: unknown[][] } {
  const headers = Array.from({ length: BATCH }, headerRow);
  return { headers, postings: headers.flatMap((header) => postingRows(creators, String(header[0]))) };
}

function insertingArrays(pool: pg.Pool, creators: string[]): Contender {
  const text = `
    with headers as (
      insert into bench_entry (${HEADER})
      select * from unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::uuid[], $6::timestamptz[], $7::text[], $8::text[], $9::text[]))
    insert into bench_posting (${POSTING})
    select * from unnest($10::uuid[], $11::int[], $12::uuid[], $13::bigint[], $14::bigint[], $15::text[], $16::bigint[])`;
  return (seconds) =>
    rateOf(seconds, CONNECTIONS, async () => {
      const { headers, postings } = batchRows(creators);
      await pool.query({ name: 'bench_arrays', text, values: [...columns(headers), ...columns(postings)] });
      return BATCH;
    });
}

function insertingValues(pool: pg.Pool, creators: string[]): Contender {
  const headerValues = placeholders(BATCH, 9, 0);
  const postingValues = placeholders(BATCH * 2, 7, BATCH * 9);
  const text = `
    with headers as (insert into bench_entry (${HEADER}) values ${headerValues})
    insert into bench_posting (${POSTING}) values ${postingValues}`;
  return (seconds) =>
    rateOf(seconds, CONNECTIONS, async () => {
      const { headers, postings } = batchRows(creators);
      await pool.query({ name: 'bench_values', text, values: [...headers, ...postings].flat() });
      return BATCH;
    });
}

function columns(rows: unknown[][]): unknown[][] {
  return rows[0]!.map((_, column) => rows.map((row) => row[column]));
}

function placeholders(rows: number, width: number, from: number): string {
  const row = (start: number) => `(${Array.from({ length: width }, (_, i) => `$${start + i + 1}`).join(', ')})`;
  return Array.from({ length: rows }, (_, i) => row(from + i * width)).join(', ');
}

function oneOf<T>(items: T[]): T {
  return items[randomInt(items.length)]!;
}
