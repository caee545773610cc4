import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadSettings, Reader, SettingsError } from '../config.ts';
import { databaseUrls } from '../database/url.ts';
import { freePort, requireFreePorts, type WantedPort } from './ports.ts';
import { superuserUrl } from './postgres.ts';
import type { Secrets } from './secrets.ts';

const DATABASE = 'stipend';

/** What `npm start` itself is told by the environment; everything else is passed on to the processes that it starts. */
export interface LocalSettings {
  dataDir: string;
  host: string;
  ports: { api: number; postgres: number; temporal: number; temporalUi: number; sandbox: number; workerHealth: number };
  apiUrl: string;
  sandboxUrl: string;
  temporalUiUrl: string;
  temporalNamespace: string;
  /** Given: nothing is started in its place. */
  databaseUrl: string | undefined;
  migrationDatabaseUrl: string | undefined;
  temporalAddress: string | undefined;
  stripeApiBase: string | undefined;
  /** With a key of their own and no other address, a person means Stripe itself. */
  ownStripeKey: boolean;
}

/** @throws SettingsError with a sentence per problem. A port 0 becomes a free one. */
export async function readLocalSettings(env: NodeJS.ProcessEnv): Promise<LocalSettings> {
  const read = new Reader(env);
  const settings: LocalSettings = {
    dataDir: resolve(read.text('DATA_DIR', '.stipend')),
    host: read.text('HOST', '127.0.0.1'),
    ports: {
      api: read.port('PORT', 3000),
      postgres: read.port('POSTGRES_PORT', 5433),
      temporal: read.port('TEMPORAL_PORT', 7233),
      temporalUi: read.port('TEMPORAL_UI_PORT', 8233),
      sandbox: read.port('SANDBOX_PORT', 4010),
      workerHealth: read.port('WORKER_HEALTH_PORT', 0),
    },
    apiUrl: '',
    sandboxUrl: '',
    temporalUiUrl: '',
    temporalNamespace: read.text('TEMPORAL_NAMESPACE', 'default'),
    databaseUrl: read.optional('DATABASE_URL'),
    migrationDatabaseUrl: read.optional('MIGRATION_DATABASE_URL'),
    temporalAddress: read.optional('TEMPORAL_ADDRESS'),
    stripeApiBase: read.optional('STRIPE_API_BASE'),
    ownStripeKey: read.optional('STRIPE_SECRET_KEY') !== undefined,
  };
  if (read.problems.length > 0) throw new SettingsError(read.problems.join('; '));
  for (const name of Object.keys(settings.ports) as (keyof LocalSettings['ports'])[]) {
    settings.ports[name] ||= await freePort();
  }
  settings.apiUrl = urlOf(settings.host, settings.ports.api);
  settings.sandboxUrl = urlOf(settings.host, settings.ports.sandbox);
  settings.temporalUiUrl = read.text('TEMPORAL_UI_URL', `http://127.0.0.1:${settings.ports.temporalUi}`);
  return settings;
}

/** Who listens on all addresses is asked at the loopback one. */
function urlOf(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/** @throws StartError naming the first port that is busy, of those that the stack will listen on. */
export async function checkPorts({ ports, databaseUrl, temporalAddress }: LocalSettings): Promise<void> {
  const wanted: WantedPort[] = [
    { setting: 'PORT', purpose: 'the API', port: ports.api },
    { setting: 'SANDBOX_PORT', purpose: 'the provider sandbox', port: ports.sandbox },
    { setting: 'WORKER_HEALTH_PORT', purpose: "the worker's health check", port: ports.workerHealth },
  ];
  if (!databaseUrl) wanted.push({ setting: 'POSTGRES_PORT', purpose: 'PostgreSQL', port: ports.postgres });
  if (!temporalAddress) {
    wanted.push({ setting: 'TEMPORAL_PORT', purpose: 'Temporal', port: ports.temporal });
    wanted.push({ setting: 'TEMPORAL_UI_PORT', purpose: 'the Temporal Web UI', port: ports.temporalUi });
  }
  await requireFreePorts(wanted);
}

/** What the product is told beyond the environment of `npm start`: all that this installation chose or made. */
export function productEnv(local: LocalSettings, secrets: Secrets): Record<string, string> {
  const { ports } = local;
  const { POSTGRES_PASSWORD: password, ...shared } = secrets;
  const stripeApiBase = local.stripeApiBase ?? (local.ownStripeKey ? undefined : local.sandboxUrl);
  return {
    ...shared,
    HOST: local.host,
    PORT: String(ports.api),
    DATA_DIR: local.dataDir,
    SANDBOX_PORT: String(ports.sandbox),
    SANDBOX_STRIPE_WEBHOOK_URL: `${local.apiUrl}/webhooks/stripe`,
    WORKER_HEALTH_PORT: String(ports.workerHealth),
    DATABASE_URL: local.databaseUrl ?? superuserUrl({ port: ports.postgres, password }, DATABASE),
    TEMPORAL_ADDRESS: local.temporalAddress ?? `127.0.0.1:${ports.temporal}`,
    ...(local.migrationDatabaseUrl && { MIGRATION_DATABASE_URL: local.migrationDatabaseUrl }),
    // the Web UI of a local installation has no login
    CODEC_ACCESS: 'local',
    TEMPORAL_UI_URL: local.temporalUiUrl,
    TEMPORAL_NAMESPACE: local.temporalNamespace,
    ...(stripeApiBase && { STRIPE_API_BASE: stripeApiBase }),
  };
}

/**
 * The environment with the connections of both database roles in it, so that no process has to derive one.
 * @throws SettingsError when a product setting is broken: better here than in the log of a process.
 */
export function withDatabaseRoles(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { owner, app } = databaseUrls(loadSettings(env));
  return { ...env, MIGRATION_DATABASE_URL: owner, DATABASE_URL: app };
}

/** Lets `npm run db:url`, `ledger:verify` and other commands find this installation, in `local.env` of its data folder. */
export function writeLocalEnv(dataDir: string, product: Record<string, string>): void {
  const lines = Object.entries(product).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(dataDir, 'local.env'), lines.join(''), { mode: 0o600 });
}
