import { prepareStack, startStack, type Stack } from '../../src/local/stack.ts';
import { atTheEnd, temporaryFolder } from './folders.ts';

/** Free ports, a folder of its own and nothing of the surrounding environment that names servers or secrets. */
export function isolatedEnv(settings: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { PATH, HOME, STIPEND_CACHE, TMPDIR } = process.env;
  const ports = { PORT: '0', POSTGRES_PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0', SANDBOX_PORT: '0' };
  return { PATH, HOME, STIPEND_CACHE, TMPDIR, ...ports, LOG_LEVEL: 'warn', RATE_LIMIT_FACTOR: '0', ...settings };
}

/** The whole product, running until the end of the test file, or until it is stopped. */
export async function startTestStack(settings: Record<string, string> = {}): Promise<Stack> {
  const stack = await prepareStack(isolatedEnv({ DATA_DIR: temporaryFolder(), ...settings }), { fast: true });
  atTheEnd(() => stack.stop());
  await startStack(stack);
  return stack;
}
