/**
 * Every setting of every process, read once from the environment. Docs: `.env.example`.
 * A broken value throws {@link SettingsError} with one sentence per problem.
 */
import { parseDuration } from './domain/durations.ts';

export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

export interface Settings {
  port: number;
  host: string;
  /** The application role's connection; see {@link appDatabaseUrl}. */
  databaseUrl: string | undefined;
  /** The table owner's connection, used by migrations only. */
  migrationDatabaseUrl: string | undefined;
  databasePoolSize: number;
  temporal: { address: string; namespace: string; uiUrl: string };
  jwtSecret: string;
  /** `id:base64key` pairs, newest first; they seal Temporal payloads. None: payloads stay readable. */
  encryptionKeys: EncryptionKey[];
  /** Who may open sealed payloads through the API: staff, or anybody on this machine. */
  codecAccess: 'staff' | 'local';
  admin: { email: string | undefined; password: string | undefined };
  stripe: {
    secretKey: string;
    /** Several, while one is rotated or platform and Connect endpoints differ. */
    webhookSecrets: string[];
    apiBase: string | undefined;
    /** Requests per second that this process may send to one endpoint. */
    rateLimit: number;
  };
  rateLimitFactor: number;
  /** Minor units. */
  payoutMinimum: bigint;
  payoutSchedule: string;
  accrualIntervalMs: number;
  finalityWindowMs: number;
  allowedReturnHosts: string[];
  /** How others reach the API, such as `https://api.example.com`; undefined: as each request did. */
  publicUrl: string | undefined;
  /** Origins whose pages may call the API. */
  corsOrigins: string[];
  metricsToken: string | undefined;
  /** Where a worker process answers `GET /health`; 0: nowhere. */
  workerHealthPort: number;
  logLevel: string;
}

export interface EncryptionKey {
  id: string;
  key: Buffer;
}

type Env = Record<string, string | undefined>;

/** Reads settings of one environment and collects what is wrong with them in `problems`. */
export class Reader {
  readonly problems: string[] = [];
  readonly #env: Env;
  constructor(env: Env) {
    this.#env = env;
  }

  optional(name: string): string | undefined {
    const value = this.#env[name]?.trim();
    return value === '' ? undefined : value;
  }

  text(name: string, fallback?: string): string {
    const value = this.optional(name) ?? fallback;
    if (value === undefined) this.problems.push(`${name} is not set`);
    return value ?? '';
  }

  list(name: string): string[] {
    const parts = (this.optional(name) ?? '').split(',');
    return parts.map((part) => part.trim()).filter((part) => part !== '');
  }

  number(name: string, fallback: number, accepts: (n: number) => boolean = (n) => n >= 0): number {
    const raw = this.optional(name);
    if (raw === undefined) return fallback;
    const value = Number(raw);
    if (Number.isFinite(value) && accepts(value)) return value;
    this.problems.push(`${name} is not a usable number: "${raw}"`);
    return fallback;
  }

  port(name: string, fallback: number): number {
    return this.number(name, fallback, (n) => Number.isInteger(n) && n >= 0 && n < 65536);
  }

  minorUnits(name: string, fallback: bigint): bigint {
    const raw = this.optional(name);
    if (raw === undefined) return fallback;
    if (/^\d{1,15}$/.test(raw)) return BigInt(raw);
    this.problems.push(`${name} must be a whole number of minor units: "${raw}"`);
    return fallback;
  }

  duration(name: string, fallback: string): number {
    const raw = this.optional(name) ?? fallback;
    const ms = parseDuration(raw);
    if (ms === undefined) this.problems.push(`${name} must be a duration such as 30d, 12h or 5s: "${raw}"`);
    return ms ?? 0;
  }

  /** The first is what it is when nothing is said. */
  oneOf<const Value extends string>(name: string, values: readonly [Value, ...Value[]]): Value {
    const raw = this.optional(name) ?? values[0];
    const value = values.find((known) => known === raw);
    if (value === undefined) this.problems.push(`${name} must be one of ${values.join(', ')}: "${raw}"`);
    return value ?? values[0];
  }

  keys(name: string): EncryptionKey[] {
    return this.list(name).map((pair) => {
      const [id = '', encoded = ''] = pair.split(':', 2);
      const key = Buffer.from(encoded, 'base64');
      if (id === '' || key.length !== 32) this.problems.push(`${name} must be id:base64 of 32 bytes, comma separated`);
      return { id, key };
    });
  }
}

/** Settings of the API, the workers and the migration. */
export function loadSettings(env: Env = process.env): Settings {
  const read = new Reader(env);
  const temporalPort = read.port('TEMPORAL_PORT', 7233);
  const settings: Settings = {
    port: read.port('PORT', 3000),
    host: read.text('HOST', '0.0.0.0'),
    databaseUrl: read.optional('DATABASE_URL'),
    migrationDatabaseUrl: read.optional('MIGRATION_DATABASE_URL'),
    databasePoolSize: read.number('DATABASE_POOL_SIZE', 20, (n) => Number.isInteger(n) && n > 0),
    temporal: {
      address: read.text('TEMPORAL_ADDRESS', `127.0.0.1:${temporalPort}`),
      namespace: read.text('TEMPORAL_NAMESPACE', 'default'),
      uiUrl: read.text('TEMPORAL_UI_URL', `http://127.0.0.1:${read.port('TEMPORAL_UI_PORT', 8233)}`),
    },
    jwtSecret: read.text('JWT_SECRET'),
    encryptionKeys: read.keys('ENCRYPTION_KEYS'),
    codecAccess: read.oneOf('CODEC_ACCESS', ['staff', 'local']),
    admin: { email: read.optional('ADMIN_EMAIL'), password: read.optional('ADMIN_PASSWORD') },
    stripe: {
      secretKey: read.text('STRIPE_SECRET_KEY'),
      webhookSecrets: read.list('STRIPE_WEBHOOK_SECRET'),
      apiBase: read.optional('STRIPE_API_BASE'),
      rateLimit: read.number('STRIPE_RATE_LIMIT', 25),
    },
    rateLimitFactor: read.number('RATE_LIMIT_FACTOR', 1),
    payoutMinimum: read.minorUnits('PAYOUT_MINIMUM', 2500n),
    payoutSchedule: read.text('PAYOUT_SCHEDULE', '0 0 1 * *'),
    accrualIntervalMs: read.duration('ACCRUAL_INTERVAL', '1h'),
    finalityWindowMs: read.duration('PAYOUT_FINALITY', '10d'),
    allowedReturnHosts: read.list('ALLOWED_RETURN_HOSTS'),
    publicUrl: read.optional('PUBLIC_URL')?.replace(/\/+$/, ''),
    corsOrigins: read.list('CORS_ORIGINS'),
    metricsToken: read.optional('METRICS_TOKEN'),
    workerHealthPort: read.port('WORKER_HEALTH_PORT', 0),
    logLevel: read.text('LOG_LEVEL', 'info'),
  };
  if (settings.jwtSecret !== '' && settings.jwtSecret.length < 32) {
    read.problems.push('JWT_SECRET must have 32 characters or more');
  }
  if (read.problems.length > 0) throw new SettingsError(read.problems.join('; '));
  return settings;
}
