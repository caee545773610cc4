// Runs once per Jest call, before the test files and in their parent process.
import { startTestServers } from './support/servers.ts';

export default async function globalSetup() {
  const servers = await startTestServers();
  Object.assign(process.env, servers.env);
  globalThis.stopTestServers = servers.stop;
}
