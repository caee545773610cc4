import { MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import { ormConfig } from './orm.ts';
import { APP_GROUP, type DatabaseUrls } from './url.ts';

/**
 * Creates the database and the application's role where they are missing and brings the schema up to date. Safe to run
 * from several processes at once: an advisory lock lets one of them work.
 */
export async function migrate(urls: DatabaseUrls): Promise<void> {
  await createDatabase(urls.owner);
  const lock = new pg.Client(urls.owner);
  await lock.connect();
  try {
    await lock.query(`select pg_advisory_lock(hashtext('stipend/migrate'))`);
    await ensureAppRole(lock, urls.app);
    const orm = await MikroORM.init(ormConfig(urls.owner));
    try {
      await orm.migrator.up();
    } finally {
      await orm.close(true);
    }
  } finally {
    await lock.end();
  }
}

async function createDatabase(ownerUrl: string): Promise<void> {
  const maintenance = new URL(ownerUrl);
  const name = decodeURIComponent(maintenance.pathname.slice(1));
  maintenance.pathname = '/postgres';
  if (name === '' || name === 'postgres') return;
  const client = new pg.Client(maintenance.href);
  await client.connect();
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(name)}`);
  } catch (error) {
    const alreadyMade = error instanceof pg.DatabaseError && (error.code === '42P04' || error.code === '23505');
    if (!alreadyMade) throw error;
  } finally {
    await client.end();
  }
}

/**
 * The application's login, with the password of `appUrl`, in the group that migrations grant rights to. The group may use every
 * table that the owner creates from here on; the ledger's migration takes that back for the ledger's tables.
 */
async function ensureAppRole(client: pg.Client, appUrl: string): Promise<void> {
  const { username, password } = new URL(appUrl);
  const login = decodeURIComponent(username);
  await ensureRole(client, APP_GROUP, 'nologin');
  await ensureRole(client, login, `login password ${pg.escapeLiteral(decodeURIComponent(password))}`);
  const group = pg.escapeIdentifier(APP_GROUP);
  await client.query(`
    grant ${group} to ${pg.escapeIdentifier(login)};
    grant usage on schema public to ${group};
    alter default privileges in schema public grant select, insert, update, delete on tables to ${group};
    alter default privileges in schema public grant usage on sequences to ${group}`);
}

async function ensureRole(client: pg.Client, name: string, options: string): Promise<void> {
  const role = pg.escapeIdentifier(name);
  const { rowCount } = await client.query('select 1 from pg_roles where rolname = $1', [name]);
  await client.query(rowCount === 0 ? `create role ${role} ${options}` : `alter role ${role} ${options}`);
}
