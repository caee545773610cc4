import { fileURLToPath } from 'node:url';
import { dataConverter } from '../../src/temporal.ts';
import { loadSettings } from '../../src/config.ts';

/** Where the recorded histories stand: one folder for each workflow type. */
export const HISTORIES = fileURLToPath(new URL('../histories', import.meta.url));

/** The key that the recorded histories are sealed with; it guards nothing else. */
export const HISTORY_KEYS = `histories:${Buffer.alloc(32, 7).toString('base64')}`;

/** Opens them. */
export function historyConverter() {
  return dataConverter(
    loadSettings({ JWT_SECRET: '-'.repeat(32), STRIPE_SECRET_KEY: '-', ENCRYPTION_KEYS: HISTORY_KEYS }),
  );
}
