import type { MikroORM } from '@mikro-orm/postgresql';
import { loadSettings } from '../../src/config.ts';
import { openOrm } from '../../src/database/orm.ts';
import { prepareStack, startStack, type Stack } from '../../src/local/stack.ts';
import { createStripeProvider, type StripeProvider } from '../../src/providers/stripe/client.ts';
import { connectTemporal, type TemporalClient } from '../../src/temporal.ts';
import { ApiClient } from '../support/client.ts';
import { temporaryFolder } from '../support/folders.ts';
import { isolatedEnv } from '../support/stack.ts';

/** The real stack, and everything a test looks at it with. */
export interface World {
  stack: Stack;
  /** What happened so far, each with its time. */
  diary: string[];
  note: (line: string) => void;
  control: ApiClient;
  /** Signed in as the first admin. */
  admin: ApiClient;
  stripe: StripeProvider;
  orm: MikroORM;
  temporal: TemporalClient;
  stop: () => Promise<void>;
}

const SANDBOX_RATE = 40;

/** Starts the stack with a database that keeps what it has committed through a kill -9. */
export async function startWorld(): Promise<World> {
  const startedAt = Date.now();
  const diary: string[] = [];
  const note = (line: string) => {
    diary.push(`  ${((Date.now() - startedAt) / 1000).toFixed(1)} s: ${line}`);
  };
  const env = isolatedEnv({
    DATA_DIR: temporaryFolder(),
    STRIPE_RATE_LIMIT: '18',
    SANDBOX_STRIPE_RATE_LIMIT: String(SANDBOX_RATE),
    SANDBOX_PAYOUT_DELAY: '700ms',
    PAYOUT_FINALITY: '2s',
  });
  const stack = await prepareStack(env, { onEvent: note });
  await startStack(stack);
  try {
    const settings = loadSettings(stack.env);
    const api = new ApiClient(stack.apiUrl);
    const { body } = await api.post<{ access_token: string }>('/api/v1/auth/login', stack.admin);
    const orm = await openOrm(stack.env['DATABASE_URL']!, 4);
    const temporal = await connectTemporal(settings);
    const stripe = createStripeProvider({ ...settings.stripe, rateLimit: SANDBOX_RATE * 0.9 });
    const stop = async () => {
      stripe.close();
      await temporal.close();
      await orm.close(true);
      await stack.stop();
    };
    note('everything runs');
    const control = new ApiClient(stack.sandboxUrl);
    return { stack, diary, note, control, admin: api.as(body.access_token), stripe, orm, temporal, stop };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}
