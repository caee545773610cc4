import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Stack } from '../src/local/stack.ts';
import type { RivalTask } from './bullmq-rival.ts';
import { asOwner, urlsOf } from './installation.ts';
import { AMOUNT, type Payee } from './payout-seed.ts';

const PROGRAM = fileURLToPath(new URL('bullmq-rival.ts', import.meta.url));

/** The rival's tables: what a careful application without our ledger would have. Durable, indexed, no triggers. */
export async function prepareRival(stack: Stack, payees: Payee[]): Promise<void> {
  await asOwner(stack, async (client) => {
    await client.query(`
      create table rival_account (creator_id uuid primary key, available bigint not null check (available >= 0), in_payout bigint not null) with (fillfactor = 70);
      create table rival_payout (id uuid primary key, creator_id uuid not null, amount bigint not null, status text not null,
        transfer_id text, bank_payout_id text unique, created_at timestamptz not null default now(), completed_at timestamptz) with (fillfactor = 80);
      create table rival_entry (id uuid primary key default uuidv7(), payout_id uuid not null, type text not null, unique (payout_id, type));
      create table rival_posting (entry_id uuid not null, line int not null, account text not null, amount bigint not null, primary key (entry_id, line));
      create table rival_event (id text primary key, payload jsonb not null, received_at timestamptz not null default now())`);
    await client.query('insert into rival_account select id, $2, 0 from unnest($1::uuid[]) as id', [
      payees.map(({ id }) => id),
      (AMOUNT * 1000n).toString(),
    ]);
  });
}

export interface Rival {
  pay: (payees: Payee[]) => Promise<number>;
  stop: () => Promise<void>;
}

/** Starts the rival's process. `pay` answers with the seconds until the last payout was settled. */
export async function startRival(stack: Stack, redisPort: number, port: number): Promise<Rival> {
  const env = {
    ...stack.env,
    DATABASE_URL: urlsOf(stack).app,
    REDIS_PORT: String(redisPort),
    RIVAL_PORT: String(port),
    NODE_ENV: 'production',
  };
  const child = fork(PROGRAM, { env });
  await answer(child);
  return {
    pay: async (payees) => {
      const task: RivalTask = { payees, amount: Number(AMOUNT) };
      child.send(task);
      const [{ seconds }] = (await answer(child)) as [{ seconds: number }];
      return seconds;
    },
    stop: async () => {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

async function answer(child: ChildProcess): Promise<unknown[]> {
  const given = new AbortController();
  const { signal } = given;
  try {
    const ended = once(child, 'exit', { signal }).then((): never => {
      throw new Error('the rival ended');
    });
    return await Promise.race([once(child, 'message', { signal }) as Promise<unknown[]>, ended]);
  } finally {
    given.abort();
  }
}
