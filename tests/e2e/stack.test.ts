import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Stack } from '../../src/local/stack.ts';
import { answers, eventually } from '../../src/local/wait.ts';
import { temporaryFolder } from '../support/folders.ts';
import { startTestStack } from '../support/stack.ts';

// each start takes seconds, but on a busy machine minutes
jest.setTimeout(240_000);

const folder = temporaryFolder();
let stack: Stack;
async function adminId({ apiUrl, admin }: Stack): Promise<string> {
  const response = await fetch(`${apiUrl}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(admin),
  });
  expect(response.status).toBe(200);
  const { user } = (await response.json()) as { user: { id: string } };
  return user.id;
}

beforeAll(async () => {
  stack = await startTestStack({ DATA_DIR: folder });
});

describe('the whole stack on one machine', () => {
  test('serves the API, its reference page, the Temporal Web UI and the sandbox', async () => {
    expect(await answers(`${stack.apiUrl}/health`)).toBe(true);
    expect(await answers(`${stack.apiUrl}/docs`)).toBe(true);
    expect(await answers(stack.temporalUiUrl)).toBe(true);
    expect(await answers(`${stack.sandboxUrl}/_sandbox/journal`)).toBe(true);
  });

  test.each(['api', 'worker', 'sandbox', 'temporal', 'postgres'])('%s comes back after a kill -9', async (name) => {
    const killed = stack.processes.pid(name);
    stack.processes.kill(name);
    expect(await eventually(() => stack.processes.pid(name) !== killed, 10_000)).toBe(true);
    await stack.processes.untilReady(name);
    expect(await eventually(() => answers(`${stack.apiUrl}/health`), 30_000)).toBe(true);
    expect(await adminId(stack)).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('a second one with other ports and another folder runs beside it', async () => {
    const second = await startTestStack();
    expect(await answers(`${second.apiUrl}/health`)).toBe(true);
    expect(await answers(`${stack.apiUrl}/health`)).toBe(true);
    expect(await adminId(second)).not.toBe(await adminId(stack));
    await second.stop();
  });

  test('a second start finds the data of the first', async () => {
    const id = await adminId(stack);
    await stack.stop();
    expect(await answers(`${stack.apiUrl}/health`)).toBe(false);
    stack = await startTestStack({ DATA_DIR: folder });
    expect(await adminId(stack)).toBe(id);
  });
});
