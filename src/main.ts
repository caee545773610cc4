/** One program, three roles: `node src/main.ts api | worker | migrate`. */
import { loadSettings, SettingsError } from './config.ts';
import { migrate } from './database/migrate.ts';
import { databaseUrls } from './database/url.ts';

const roles: Record<string, () => Promise<void>> = {
  async api() {
    const { runApi } = await import('./api/main.ts');
    const { close } = await runApi(loadSettings());
    onStop(close);
  },
  async worker() {
    const { runWorkers } = await import('./workers/main.ts');
    const { stop, done } = await runWorkers(loadSettings());
    onStop(stop);
    await done;
  },
  /** Needs the database and nothing else. */
  migrate() {
    const { DATABASE_URL: databaseUrl, MIGRATION_DATABASE_URL: migrationDatabaseUrl } = process.env;
    return migrate(databaseUrls({ databaseUrl, migrationDatabaseUrl }));
  },
};

function onStop(stop: () => Promise<void>): void {
  let stopping = false;
  const once = () => {
    if (stopping) return;
    stopping = true;
    stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.once('SIGTERM', once);
  process.once('SIGINT', once);
}

function fail(error: unknown): never {
  process.stderr.write(
    `${error instanceof SettingsError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exit(1);
}

const name = process.argv[2] ?? '';
const role = Object.hasOwn(roles, name) ? roles[name] : undefined;
if (!role) fail(new SettingsError(`Say which role to run: ${Object.keys(roles).join(', ')}`));
try {
  await role();
} catch (error) {
  fail(error);
}
