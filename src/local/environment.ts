import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadSettings, SettingsError, type Settings } from '../config.ts';

/**
 * The settings that the running installation has: those of the environment, and for the rest what `npm start` noted in its data
 * folder. For commands that work on it from beside.
 */
export function installationSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  const noted = join(env['DATA_DIR'] ?? '.stipend', 'local.env');
  if (existsSync(noted)) process.loadEnvFile(noted);
  else if (!env['DATABASE_URL'])
    throw new SettingsError('There is no installation here yet: run `npm start`, or set DATABASE_URL');
  return loadSettings({ JWT_SECRET: '-'.repeat(32), STRIPE_SECRET_KEY: '-', ...env });
}

/** Ends the process with one sentence for a broken setting, with the whole story for anything else. */
export async function runCommand(command: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await command();
  } catch (error) {
    process.stderr.write(
      `${error instanceof SettingsError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
    );
    process.exitCode = 1;
  }
}
