import { afterEach, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorOf, eventually, openSandbox, stripeClient, type TestSandbox } from './support.ts';

let sandbox: TestSandbox | undefined;
afterEach(async () => {
  await sandbox?.close();
  sandbox = undefined;
});

test('everything is there again: objects, balances, keys, journal, faults', async () => {
  sandbox = await openSandbox({ platformBalance: 10_000 });
  const payee = await sandbox.payee('000111111116');
  const params = { amount: 4000, currency: 'usd', destination: payee, transfer_group: 'g' };
  const transfer = await sandbox.stripe.transfers.create(params, { idempotencyKey: 'restart:1' });
  await sandbox.stripe.transfers.createReversal(transfer.id, { amount: 1000 });
  const refused = { ...params, amount: 9_000_000 };
  await errorOf(sandbox.stripe.transfers.create(refused, { idempotencyKey: 'restart:2' }));
  await sandbox.control('POST', '/faults', { provider: 'stripe', path_pattern: '/v1/nothing', kind: 'drop', times: 3 });
  const picture = async (from: TestSandbox) => ({
    account: await from.stripe.accounts.retrieve(payee),
    transfers: await from.stripe.transfers.list({ transfer_group: 'g' }),
    reversals: await from.stripe.transfers.listReversals(transfer.id),
    platform: await from.stripe.balance.retrieve(),
    payee: await from.stripe.balance.retrieve({}, { stripeAccount: payee }),
    transactions: await from.stripe.balanceTransactions.list(),
    events: await from.stripe.events.list({}, { stripeAccount: payee }),
    faults: await from.control('GET', '/faults'),
  });
  const before = await picture(sandbox);
  const journal = await sandbox.journal();
  for (const run of ['replayed', 'compacted']) {
    sandbox = await sandbox.restart();
    expect([run, await picture(sandbox)]).toEqual([run, before]);
  }
  expect((await sandbox.journal()).slice(0, journal.length)).toEqual(journal);
  const again = await sandbox.stripe.transfers.create(params, { idempotencyKey: 'restart:1' });
  expect(again.lastResponse.headers['idempotent-replayed']).toBe('true');
  expect(again.id).toBe(transfer.id);
  const error = await errorOf(sandbox.stripe.transfers.create(refused, { idempotencyKey: 'restart:2' }));
  expect(error).toMatchObject({ code: 'balance_insufficient', headers: { 'idempotent-replayed': 'true' } });
  const seqs = (await sandbox.journal()).map(({ seq }) => seq);
  expect(seqs).toEqual(seqs.map((_, index) => index + 1));
});

test('payouts under way are decided after a restart', async () => {
  sandbox = await openSandbox({ payoutDelayMs: 3_600_000 });
  const payee = await sandbox.payee('000111111113');
  await sandbox.stripe.transfers.create({ amount: 100, currency: 'usd', destination: payee });
  const { id } = await sandbox.stripe.payouts.create({ amount: 100, currency: 'usd' }, { stripeAccount: payee });
  sandbox = await sandbox.restart({ payoutDelayMs: 10 });
  const { stripe } = sandbox;
  const failed = await eventually(async () => {
    const payout = await stripe.payouts.retrieve(id, {}, { stripeAccount: payee });
    return payout.status === 'failed' ? payout : undefined;
  });
  expect(failed.failure_code).toBe('account_closed');
  expect((await stripe.balance.retrieve({}, { stripeAccount: payee })).available[0]?.amount).toBe(100);
});

test('a line broken off at the end is dropped, one in the middle is an error', async () => {
  sandbox = await openSandbox();
  const payee = await sandbox.payee();
  const file = join(sandbox.dataDir, 'sandbox', 'state.jsonl');
  const { dataDir } = sandbox;
  const broken = sandbox;
  appendFileSync(file, '[["stripe.accounts",["",{"id":"acct_ha');
  sandbox = await openSandbox({ dataDir });
  expect((await sandbox.stripe.accounts.list()).data.map(({ id }) => id)).toEqual([payee]);
  expect(readFileSync(file, 'utf8')).not.toContain('acct_ha');
  await sandbox.close();
  sandbox = undefined;
  await broken.close();
  const damaged = await openSandbox();
  await damaged.payee();
  const damagedFile = join(damaged.dataDir, 'sandbox', 'state.jsonl');
  appendFileSync(damagedFile, '[["broken\n[["stripe.accounts"]]\n');
  await expect(openSandbox({ dataDir: damaged.dataDir })).rejects.toThrow('damaged');
  await damaged.close();
});

test('a second sandbox by mistake does not touch the first one’s state', async () => {
  sandbox = await openSandbox();
  const { dataDir } = sandbox;
  await expect(openSandbox({ dataDir, port: Number(new URL(sandbox.url).port) })).rejects.toThrow('EADDRINUSE');
  const { id } = await sandbox.stripe.accounts.create({ type: 'express' });
  sandbox = await sandbox.restart();
  expect((await sandbox.stripe.accounts.retrieve(id)).id).toBe(id);
});

test('a payout of an account that has left meanwhile is decided all the same', async () => {
  sandbox = await openSandbox({ payoutDelayMs: 3_600_000 });
  const payee = await sandbox.payee('000111111113');
  await sandbox.stripe.transfers.create({ amount: 100, currency: 'usd', destination: payee });
  const { id } = await sandbox.stripe.payouts.create({ amount: 100, currency: 'usd' }, { stripeAccount: payee });
  await sandbox.control('POST', `/stripe/accounts/${payee}/deauthorize`);
  sandbox = await sandbox.restart({ payoutDelayMs: 1 });
  const { control } = sandbox;
  const failed = { status: 'failed' };
  expect(await control('POST', `/stripe/payouts/${id}`, failed)).toMatchObject(failed);
  expect(await control('GET', '/health')).toMatchObject({ status: 'ok' });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startProcess(port: number, dataDir: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['src/sandbox/main.ts'], {
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      SANDBOX_PORT: String(port),
      DATA_DIR: dataDir,
      SANDBOX_STRIPE_RATE_LIMIT: '0',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await eventually(async () => {
    const response = await fetch(`http://127.0.0.1:${port}/_sandbox/health`).catch(() => undefined);
    return response?.ok === true ? true : undefined;
  });
  return child;
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', resolve));
}

test('the process keeps what it answered when killed, and stops cleanly when asked', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'stipend-sandbox-'));
  const port = await freePort();
  const stripe = stripeClient(`http://127.0.0.1:${port}`);
  const first = await startProcess(port, dataDir);
  const made = await Promise.all(
    Array.from({ length: 50 }, (_, index) => stripe.topups.create({ amount: index + 1, currency: 'usd' })),
  );
  const killed = ended(first);
  first.kill('SIGKILL');
  await killed;
  const second = await startProcess(port, dataDir);
  const found = await stripe.topups.list({ limit: 100 });
  expect(new Set(found.data.map(({ id }) => id))).toEqual(new Set(made.map(({ id }) => id)));
  const stopped = ended(second);
  second.kill('SIGTERM');
  expect(await stopped).toBe(0);
  rmSync(dataDir, { recursive: true, force: true });
});
