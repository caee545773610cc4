import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The first admin where `ADMIN_EMAIL` is not set. */
const DEFAULT_ADMIN_EMAIL = 'admin@stipend.local';

/** Chosen when the embedded database was made; a later one in the environment is some other database's. */
const EMBEDDED_DATABASE = 'POSTGRES_PASSWORD';

const GENERATORS = {
  JWT_SECRET: () => randomBytes(32).toString('base64url'),
  STRIPE_SECRET_KEY: () => `sk_test_${randomBytes(24).toString('hex')}`,
  STRIPE_WEBHOOK_SECRET: () => `whsec_${randomBytes(24).toString('hex')}`,
  PAYMENT_WEBHOOK_SECRET: () => randomBytes(32).toString('base64url'),
  ENCRYPTION_KEYS: () => `local:${randomBytes(32).toString('base64')}`,
  ADMIN_EMAIL: () => DEFAULT_ADMIN_EMAIL,
  ADMIN_PASSWORD: () => randomBytes(12).toString('base64url'),
  [EMBEDDED_DATABASE]: () => randomBytes(24).toString('base64url'),
} as const;

export type Secrets = Record<keyof typeof GENERATORS, string>;

/**
 * The secrets of a local installation: what the environment gives, else what an earlier start made, else new ones. Only those
 * made here are kept, in `secrets.json` of the data folder, readable by its owner alone.
 */
export function localSecrets(env: NodeJS.ProcessEnv, dataDir: string): Secrets {
  const path = join(dataDir, 'secrets.json');
  const stored = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Partial<Secrets>) : {};
  const made: Partial<Secrets> = { ...stored };
  for (const [name, generate] of entries(GENERATORS)) made[name] ??= generate();
  const all = made as Secrets;
  if (Object.keys(all).length !== Object.keys(stored).length) {
    writeFileSync(path, `${JSON.stringify(all, null, 2)}\n`, { mode: 0o600 });
  }
  return { ...all, ...given(env) };
}

function given(env: NodeJS.ProcessEnv): Partial<Secrets> {
  const result: Partial<Secrets> = {};
  for (const [name] of entries(GENERATORS)) {
    const value = env[name]?.trim();
    if (value && name !== EMBEDDED_DATABASE) result[name] = value;
  }
  return result;
}

function entries<K extends string, V>(record: Record<K, V>): [K, V][] {
  return Object.entries(record) as [K, V][];
}
