import { mkdirSync } from 'node:fs';
import { createConnection } from 'node:net';
import { findExecutable } from '../src/local/executables.ts';
import { freePort } from '../src/local/ports.ts';
import type { Stack } from '../src/local/stack.ts';

/** The port of a Redis of our own, durable as BullMQ's guide to production asks; undefined where there is no `redis-server`. */
export async function startRedis({ processes, dataDir, env }: Stack): Promise<number | undefined> {
  const command = findExecutable('redis-server', env);
  if (command === undefined) return undefined;
  const port = await freePort();
  const dir = `${dataDir}/redis`;
  mkdirSync(dir);
  const settings = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--maxmemory-policy', 'noeviction'];
  await processes.start({
    name: 'redis',
    command,
    args: ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, ...settings],
    env,
    stopSignal: 'SIGTERM',
    isReady: () => pong(port),
  });
  return port;
}

function pong(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.once('data', (data) => {
      resolve(data.toString().startsWith('+PONG'));
      socket.destroy();
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
