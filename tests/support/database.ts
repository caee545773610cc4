import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import { migrate } from '../../src/database/migrate.ts';
import { openOrm } from '../../src/database/orm.ts';
import { databaseUrls, type DatabaseUrls } from '../../src/database/url.ts';

export interface TestDatabase {
  urls: DatabaseUrls;
  /** As the application's own role. */
  orm: MikroORM;
  close: () => Promise<void>;
}

function urlsOf(name: string): DatabaseUrls {
  const server = process.env['TEST_DATABASE_URL'];
  if (!server) throw new Error('TEST_DATABASE_URL is not set: run the tests with `npm test`');
  const url = new URL(server);
  url.pathname = `/${name}`;
  return databaseUrls({ databaseUrl: url.href, migrationDatabaseUrl: undefined });
}

/** A migrated database of its own for a test file, copied from a template that the first caller makes. */
export async function createTestDatabase(poolSize = 10): Promise<TestDatabase> {
  const template = `template_${schemaHash()}`;
  const name = `test_${randomBytes(6).toString('hex')}`;
  const admin = new pg.Client(process.env['TEST_DATABASE_URL']);
  await admin.connect();
  try {
    await admin.query(`select pg_advisory_lock(hashtext('test template'))`);
    await migrate(urlsOf(template));
    await admin.query(`create database ${name} template ${template}`);
  } finally {
    await admin.end();
  }
  const urls = urlsOf(name);
  const orm = await openOrm(urls.app, poolSize);
  return { urls, orm, close: () => orm.close(true) };
}

const MIGRATIONS = new URL('../../src/database/migrations/', import.meta.url);

/** A template is good as long as no migration changed. */
function schemaHash(): string {
  const hash = createHash('sha256');
  for (const file of readdirSync(MIGRATIONS).sort()) hash.update(readFileSync(new URL(file, MIGRATIONS)));
  return hash.digest('hex').slice(0, 12);
}
