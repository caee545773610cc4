import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { freePort, requireFreePorts } from '../../src/local/ports.ts';

const servers: Server[] = [];

function listen(port: number): Promise<void> {
  return new Promise((resolve) => {
    const server = createServer().listen(port, '127.0.0.1', resolve);
    servers.push(server);
  });
}

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

test('a busy port is named with what would listen there and the setting to change', async () => {
  const port = await freePort();
  await listen(port);
  await expect(requireFreePorts([{ setting: 'PORT', purpose: 'the API', port }])).rejects.toThrow(
    `Port ${port} (the API) is busy; free it or set PORT to another port.`,
  );
});

test('two settings with the same port are named', async () => {
  const port = await freePort();
  const wanted = [
    { setting: 'PORT', purpose: 'the API', port },
    { setting: 'SANDBOX_PORT', purpose: 'the sandbox', port },
  ];
  await expect(requireFreePorts(wanted)).rejects.toThrow(`SANDBOX_PORT and PORT are both ${port}`);
});

test('free ports pass, below the range for outgoing connections', async () => {
  const port = await freePort();
  expect(port).toBeLessThan(32_768);
  await expect(requireFreePorts([{ setting: 'PORT', purpose: 'the API', port }])).resolves.toBeUndefined();
});
