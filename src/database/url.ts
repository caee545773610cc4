import { createHmac } from 'node:crypto';
import type { Settings } from '../config.ts';
import { SettingsError } from '../config.ts';

/** Holds the application's rights; every login of the application is a member. */
export const APP_GROUP = 'stipend_application';

/** The role that the API and the workers log in as. It owns no table and may write money only through `ledger_post`. */
const APP_ROLE = 'stipend_app';

export interface DatabaseUrls {
  /** Owns the tables; used by migrations. */
  owner: string;
  app: string;
}

/**
 * Both connections. With `MIGRATION_DATABASE_URL` set, or logging in as the application, `DATABASE_URL` is the application's own;
 * else it is the owner's and the application's role and password are derived from it, so that one setting is enough to start.
 * @throws SettingsError when one is missing or no connection string
 */
export function databaseUrls(settings: Pick<Settings, 'databaseUrl' | 'migrationDatabaseUrl'>): DatabaseUrls {
  const { databaseUrl, migrationDatabaseUrl } = settings;
  if (!databaseUrl) throw new SettingsError('DATABASE_URL is not set');
  for (const [name, url] of Object.entries({
    DATABASE_URL: databaseUrl,
    MIGRATION_DATABASE_URL: migrationDatabaseUrl,
  })) {
    if (url && !URL.canParse(url))
      throw new SettingsError(`${name} must be written postgresql://user:password@host:port/database`);
  }
  if (migrationDatabaseUrl) return { owner: migrationDatabaseUrl, app: databaseUrl };
  const app = new URL(databaseUrl);
  if (app.username === APP_ROLE) return { owner: databaseUrl, app: databaseUrl };
  app.password = createHmac('sha256', decodeURIComponent(app.password)).update(APP_ROLE).digest('base64url');
  app.username = APP_ROLE;
  return { owner: databaseUrl, app: app.href };
}
