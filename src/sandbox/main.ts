import { loadSandboxSettings } from './settings.ts';
import { startSandbox } from './server.ts';

try {
  const sandbox = await startSandbox(loadSandboxSettings());
  const stop = () => {
    void sandbox.close();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
} catch (error) {
  process.stderr.write(`sandbox: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
