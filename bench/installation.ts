import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { prepareStack, type Stack } from '../src/local/stack.ts';

export type Part = 'PostgreSQL' | 'Temporal' | 'Provider sandbox' | 'Database schema' | 'API' | 'Worker';

const PORTS = {
  PORT: '0',
  POSTGRES_PORT: '0',
  TEMPORAL_PORT: '0',
  TEMPORAL_UI_PORT: '0',
  SANDBOX_PORT: '0',
  WORKER_HEALTH_PORT: '0',
};

/** The product as `npm start` runs it, durable, on free ports and in a folder that is removed afterwards; only the parts asked for. */
export async function withInstallation<T>(
  parts: Part[],
  settings: Record<string, string>,
  work: (stack: Stack) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'stipend-bench-'));
  const { PATH, HOME, STIPEND_CACHE, TMPDIR } = process.env;
  const env = { PATH, HOME, STIPEND_CACHE, TMPDIR, ...PORTS, DATA_DIR: folder, LOG_LEVEL: 'warn', ...settings };
  try {
    const stack = await prepareStack({ ...env, RATE_LIMIT_FACTOR: '0' }, { onEvent: console.log });
    const stop = () => void stack.stop().then(() => process.exit(130));
    process.once('SIGINT', stop);
    try {
      for (const part of parts) await startPart(stack, part);
      return await work(stack);
    } finally {
      process.off('SIGINT', stop);
      await stack.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function startPart(stack: Stack, part: Part): Promise<void> {
  const step = stack.steps.find(({ title }) => title === part);
  if (!step) throw new Error(`an installation has no ${part}`);
  await step.run(console.log);
}

/** The connection strings of the tables' owner and of the application's own role. */
export function urlsOf({ env }: Stack): { owner: string; app: string } {
  return { owner: env['MIGRATION_DATABASE_URL'] ?? '', app: env['DATABASE_URL'] ?? '' };
}

export async function asOwner<T>(stack: Stack, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(urlsOf(stack).owner);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The settings that decide about its speed, as the server itself tells them. */
export async function describePostgres(stack: Stack): Promise<string> {
  return asOwner(stack, async (client) => {
    const { rows } = await client.query<{ version: string; settings: string }>(`
      select current_setting('server_version') as version, string_agg(name || ' ' || current_setting(name), ', ' order by name) as settings
        from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size', 'wal_level')`);
    const { version, settings } = rows[0]!;
    return `PostgreSQL ${version} (${settings})`;
  });
}
