import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildOnce, cacheDir, type Build } from './build-cache.ts';
import { findExecutable } from './executables.ts';

const EXECUTABLE = 'temporal-test-server';

const BUILD: Build = {
  title: "Temporal's time-skipping test server",
  takes: 'half a minute',
  sources: fileURLToPath(new URL('../../tools/time-skipping', import.meta.url)),
  files: ['pom.xml', EXECUTABLE],
  command: (output) => [
    'sh',
    '-c',
    `mvn -q -B dependency:copy-dependencies -DoutputDirectory="$0/lib" && cp ${EXECUTABLE} "$0"`,
    output,
  ],
};

/**
 * The path of Temporal's time-skipping test server, put together on first use; undefined on a machine without Java and Maven, where
 * the SDK downloads one by itself.
 */
export async function timeSkippingServer(
  env: NodeJS.ProcessEnv,
  report: (line: string) => void,
): Promise<string | undefined> {
  if (!findExecutable('java', env) || !findExecutable('mvn', env)) return undefined;
  return join(await buildOnce(cacheDir(env), BUILD, report), EXECUTABLE);
}
