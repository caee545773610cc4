/** One program, three roles: `node src/main.ts api | worker | migrate`. */
import { loadSettings, SettingsError, type Settings } from './config.ts';
import { migrate } from './database/migrate.ts';
import { databaseUrls } from './database/url.ts';

const roles: Record<string, (settings: Settings) => Promise<void>> = {
  async api(settings) {
    const { runApi } = await import('./api/main.ts');
    const { close } = await runApi(settings);
    onStop(close);
  },
  async worker(settings) {
    const { runWorkers } = await import('./workers/main.ts');
    const { stop, done } = await runWorkers(settings);
    onStop(stop);
    await done;
  },
  migrate: (settings) => migrate(databaseUrls(settings)),
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
  await role(loadSettings());
} catch (error) {
  fail(error);
}
