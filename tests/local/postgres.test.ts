import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { freePort } from '../../src/local/ports.ts';
import { postgresProcess, superuserUrl, type PostgresOptions } from '../../src/local/postgres.ts';
import { Processes } from '../../src/local/processes.ts';
import { eventually } from '../../src/local/wait.ts';
import { temporaryFolder } from '../support/folders.ts';

let processes: Processes | undefined;

afterEach(async () => {
  await processes?.close([['postgres']]);
});

async function start(options: PostgresOptions): Promise<void> {
  processes = new Processes({ logDir: `${options.folder}-logs` });
  await processes.start(await postgresProcess(options));
}

async function query<T>(options: PostgresOptions, sql: string): Promise<T[]> {
  const client = new pg.Client(superuserUrl(options));
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows as T[];
  } finally {
    await client.end();
  }
}

async function options(parent: string): Promise<PostgresOptions> {
  return { folder: join(parent, 'data'), port: await freePort(), password: 'p@ss/word' };
}

test('data outlives a stop, a kill -9 and a leftover pid file that names another program', async () => {
  const settings = await options(temporaryFolder());
  await start(settings);
  await query(settings, 'create table kept (n int)');
  const killed = processes!.pid('postgres');
  processes!.kill('postgres');
  await eventually(() => processes!.pid('postgres') !== killed, 5000);
  await processes!.untilReady('postgres');
  await query(settings, 'insert into kept values (1)');
  await processes!.stop('postgres');

  writeFileSync(join(settings.folder, 'postmaster.pid'), `${process.ppid}\n${settings.folder}\n`);
  await start(settings);
  expect(await query(settings, 'select n from kept')).toEqual([{ n: 1 }]);
  expect(await query(settings, 'show fsync')).toEqual([{ fsync: 'on' }]);
});

test('a folder that only its owner may enter is fine, for root too', async () => {
  const parent = join(temporaryFolder(), 'home');
  mkdirSync(parent, { mode: 0o700 });
  chmodSync(parent, 0o700);
  const settings = await options(parent);
  await start({ ...settings, fast: true });
  expect(await query(settings, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('a password that is not the one of the data is one clear sentence', async () => {
  const settings = await options(temporaryFolder());
  await start({ ...settings, fast: true });
  await processes!.stop('postgres');
  await expect(start({ ...settings, password: 'other' })).rejects.toThrow(
    'PostgreSQL refused the connection: password authentication failed for user "postgres".',
  );
});
