import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { runApi } from '../../src/api/main.ts';
import { loadSettings, type Settings } from '../../src/config.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const PASSWORD = 'first password';
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database.close();
});

function settings(temporalAddress: string | undefined): Settings {
  const { owner, app } = database.urls;
  return loadSettings({
    PORT: '0',
    HOST: '127.0.0.1',
    DATABASE_URL: app,
    MIGRATION_DATABASE_URL: owner,
    TEMPORAL_ADDRESS: temporalAddress,
    JWT_SECRET: 'only-for-tests-only-for-tests-only',
    STRIPE_SECRET_KEY: 'sk_test_only_for_tests',
    ADMIN_EMAIL: 'first@example.com',
    ADMIN_PASSWORD: PASSWORD,
    LOG_LEVEL: 'silent',
  });
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const login = (url: string) =>
  fetch(`${url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'first@example.com', password: PASSWORD }),
  });

async function health(url: string): Promise<{ code: number; temporal: string }> {
  const response = await fetch(`${url}/health`);
  return { code: response.status, ...((await response.json()) as { temporal: string }) };
}

test('starts while Temporal is away and finds it when it comes', async () => {
  const [host = '', port = ''] = (process.env['TEST_TEMPORAL_ADDRESS'] ?? '').split(':');
  const forwarder = createServer((socket) => {
    const server = connect(Number(port), host);
    socket.pipe(server).pipe(socket);
    for (const end of [socket, server]) {
      end.on('error', () => {
        socket.destroy();
        server.destroy();
      });
    }
    sockets.push(socket, server);
  });
  const sockets: { destroy: () => unknown }[] = [];
  const freePort = await listen(forwarder, 0);
  await new Promise((resolve) => forwarder.close(resolve));

  const { url, close } = await runApi(settings(`127.0.0.1:${freePort}`));
  try {
    expect(await health(url)).toMatchObject({ code: 503, temporal: 'down' });
    expect((await login(url)).status).toBe(200);
    await listen(forwarder, freePort);
    let found = await health(url);
    while (found.temporal === 'down') found = await health(url);
    expect(found.code).toBe(200);
  } finally {
    await close();
    for (const socket of sockets) socket.destroy();
    forwarder.close();
  }
});

test('ends what is under way before it closes', async () => {
  const { url, close } = await runApi(settings(process.env['TEST_TEMPORAL_ADDRESS']));
  const underWay = [login(url), login(url), login(url)];
  await Promise.race(underWay);
  const next = login(url);
  // its headers have to be on their way before nothing new is taken
  await new Promise((resolve) => setImmediate(resolve));
  const [answers] = await Promise.all([Promise.allSettled([...underWay, next]), close()]);
  const statuses = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.status : 'refused'));
  expect(statuses.slice(0, 3)).toEqual([200, 200, 200]);
  expect([200, 503, 'refused']).toContain(statuses[3]);
  await expect(login(url)).rejects.toThrow('fetch failed');
});

test('a busy port is an error, and nothing is left open', async () => {
  const { url, close } = await runApi(settings(undefined));
  const port = Number(new URL(url).port);
  await expect(runApi({ ...settings(undefined), port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await close();
});
