import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { MikroORM } from '@mikro-orm/postgresql';
import { openOrm } from '../../src/database/orm.ts';
import { sql } from 'kysely';
import { verifyLedger } from '../../src/ledger/verify.ts';
import type { Stack } from '../../src/local/stack.ts';
import { ApiClient, until } from '../support/client.ts';
import { completeAccount, giveEarnings, onboardCreator, type Payee } from '../support/payees.ts';
import { startTestStack } from '../support/stack.ts';

interface PayoutBody {
  id: string;
  status: string;
  amount: number;
  attempt: number;
  failure_code: string | null;
  code?: string;
  line_items: { net: number; gross: number; fee: number }[];
  events: { status: string }[];
  attempts: { step: string; status: string }[];
  workflow_url: string;
}
interface RunBody {
  id: string;
  status: string;
  due: number;
  completed: number;
  failed: number;
  skipped: number;
  considered: number;
  amount_due: number;
  amount_paid: number;
  progress: number;
  control_hash: string;
}
interface ItemBody {
  creator_id: string;
  outcome: string;
  reason: string | null;
  amount: number;
}

let stack: Stack;
let orm: MikroORM;
let api: ApiClient;
let admin: ApiClient;
let control: ApiClient;

beforeAll(async () => {
  stack = await startTestStack({
    SANDBOX_STRIPE_RATE_LIMIT: '0',
    STRIPE_RATE_LIMIT: '0',
    SANDBOX_PAYOUT_DELAY: '300ms',
    PAYOUT_FINALITY: '5m',
  });
  orm = await openOrm(stack.env['DATABASE_URL']!, 4);
  api = new ApiClient(stack.apiUrl);
  control = new ApiClient(stack.sandboxUrl);
  const { body } = await api.post<{ access_token: string }>('/api/v1/auth/login', stack.admin);
  admin = api.as(body.access_token);
}, 180_000);

afterAll(async () => {
  await orm.close(true);
  await stack.stop();
}, 60_000);

async function payee(amount: bigint, accountNumber?: string): Promise<Payee> {
  const made = await onboardCreator(api, stack.sandboxUrl, accountNumber);
  if (amount > 0n) await giveEarnings(orm.em.fork(), [made.creatorId], amount);
  return made;
}

const pay = (creatorId: string, body: object = {}, headers: Record<string, string> = {}) =>
  admin.post<PayoutBody>('/api/v1/payouts', { creator_id: creatorId, method: 'stripe', ...body }, headers);

const payoutIn = (id: string, ...statuses: string[]) =>
  until(
    () => admin.get<PayoutBody>(`/api/v1/payouts/${id}`),
    ({ body }) => statuses.includes(body.status),
  );

async function balances(creatorId: string): Promise<Record<string, number>> {
  const { rows } = await sql<{ kind: string; balance: string }>`
    select kind, balance from ledger_account where owner_id = ${creatorId}`.execute(orm.em.fork().getKysely());
  return Object.fromEntries(rows.map(({ kind, balance }) => [kind, Number(balance)]));
}

/** What the provider itself says was moved for a payout. */
async function moved(payoutId: string): Promise<Record<string, number>> {
  const { body } = await control.get<{
    data: { effect: { type: string } | null; body: { metadata?: { payout_id?: string } } | null }[];
  }>('/_sandbox/journal?provider=stripe');
  const counts: Record<string, number> = {};
  for (const entry of body.data) {
    if (entry.effect && entry.body?.metadata?.payout_id === payoutId)
      counts[entry.effect.type] = (counts[entry.effect.type] ?? 0) + 1;
  }
  return counts;
}

async function expectClean(): Promise<void> {
  const { differences } = await verifyLedger(orm.em.fork());
  expect(differences).toEqual([]);
}

describe('one payout', () => {
  test('is reserved, transferred, paid to the bank and settled; its lines add up', async () => {
    const { creatorId, token } = await payee(5000n);
    const { status, body } = await pay(creatorId, { amount: 3000 });
    expect(status).toBe(202);
    expect(await balances(creatorId)).toMatchObject({ available: 2000 });
    const done = await payoutIn(body.id, 'completed', 'failed');
    expect(done.body).toMatchObject({ status: 'completed', amount: 3000, attempt: 1 });
    expect(done.body.line_items.reduce((sum, { net }) => sum + net, 0)).toBe(3000);
    expect(done.body.events.map((event) => event.status)).toEqual([
      'approved',
      'processing',
      'in_transit',
      'completed',
    ]);
    expect(done.body.attempts.map(({ step, status: was }) => `${step} ${was}`)).toEqual([
      'transfer succeeded',
      'bank_payout succeeded',
    ]);
    expect(await moved(body.id)).toEqual({ transfer: 1, payout: 1 });
    expect(await balances(creatorId)).toMatchObject({ available: 2000, in_payout: 0 });
    const own = await api.as(token).get<{ data: PayoutBody[] }>('/api/v1/payouts');
    expect(own.body.data.map(({ id }) => id)).toEqual([body.id]);
    await expectClean();
  });

  test('the same Idempotency-Key pays once', async () => {
    const { creatorId } = await payee(4000n);
    const headers = { 'idempotency-key': `pay-${creatorId}` };
    const [first, second] = await Promise.all([
      pay(creatorId, { amount: 2500 }, headers),
      pay(creatorId, { amount: 2500 }, headers),
    ]);
    const again = await pay(creatorId, { amount: 2500 }, headers);
    const ids = new Set([first, second, again].filter(({ status }) => status === 202).map(({ body }) => body.id));
    expect(ids.size).toBe(1);
    const [id] = [...ids];
    await payoutIn(id!, 'completed');
    expect(await moved(id!)).toEqual({ transfer: 1, payout: 1 });
  });

  test('is refused without enough money, without an account, in another currency or beside an open one', async () => {
    const { creatorId } = await payee(1000n);
    expect((await pay(creatorId, { amount: 1001 })).body.code).toBe('insufficient_balance');
    expect((await pay(creatorId, { currency: 'EUR' })).body.code).toBe('currency_mismatch');
    const stranger = await api.post<{ user: { creator_id: string } }>('/api/v1/auth/register', {
      email: 'nobody@example.com',
      password: 'a long enough password',
      full_name: 'Nobody',
      role: 'creator',
    });
    expect((await pay(stranger.body.user.creator_id)).body.code).toBe('onboarding_incomplete');
    expect((await pay('01900000-0000-7000-8000-000000000000')).status).toBe(404);
    expect(await balances(creatorId)).toMatchObject({ available: 1000 });
  });

  test('that the bank refuses gives the money back, waits, and is paid on retry once the account is mended', async () => {
    const { creatorId, accountId } = await payee(5000n, '000111111116');
    const { body } = await pay(creatorId);
    const failed = await payoutIn(body.id, 'failed');
    expect(failed.body.failure_code).toBe('no_account');
    expect(await balances(creatorId)).toMatchObject({ available: 5000, in_payout: 0 });
    await completeAccount(stack.sandboxUrl, accountId, '000123456789');
    const retried = await admin.post<PayoutBody>(`/api/v1/admin/payouts/${body.id}/retry`, {
      reason: 'account mended',
    });
    expect(retried.status).toBe(200);
    const done = await payoutIn(body.id, 'completed');
    expect(done.body.attempt).toBe(2);
    expect(await moved(body.id)).toEqual({ transfer: 2, transfer_reversal: 1, payout: 2 });
    expect(await balances(creatorId)).toMatchObject({ available: 0, in_payout: 0 });
    await expectClean();
  });

  test('that the bank returns after it was paid is failed again, with the money back', async () => {
    const { creatorId } = await payee(5000n);
    const { body } = await pay(creatorId);
    await payoutIn(body.id, 'completed');
    const { rows } = await sql<{
      bank_payout_id: string;
    }>`select bank_payout_id from payout where id = ${body.id}`.execute(orm.em.fork().getKysely());
    await control.post(`/_sandbox/stripe/payouts/${rows[0]!.bank_payout_id}`, {
      status: 'failed',
      failure_code: 'account_closed',
    });
    const failed = await payoutIn(body.id, 'failed');
    expect(failed.body.failure_code).toBe('account_closed');
    expect(await balances(creatorId)).toMatchObject({ available: 5000, in_payout: 0 });
    const canceled = await admin.post<PayoutBody>(`/api/v1/admin/payouts/${body.id}/cancel`, {
      reason: 'the creator closed the account',
    });
    expect(canceled.body.status).toBe('canceled');
    expect((await admin.post<PayoutBody>(`/api/v1/admin/payouts/${body.id}/retry`)).body.code).toBe('invalid_state');
    await expectClean();
  });

  test('to an account that Stripe restricted meanwhile, without our hearing of it, fails before any money leaves', async () => {
    const { creatorId, accountId, token } = await payee(5000n);
    const known = () => api.as(token).get<{ status: string }>('/api/v1/accounts/status');
    await control.post(`/_sandbox/stripe/accounts/${accountId}/restrict`);
    await until(known, (answer) => answer.body.status === 'restricted');
    // as if that word had been lost
    await sql`update creator_payment_account set status = 'active' where creator_id = ${creatorId}`.execute(
      orm.em.fork().getKysely(),
    );
    const { body, status } = await pay(creatorId);
    expect(status).toBe(202);
    const failed = await payoutIn(body.id, 'failed');
    expect(failed.body.failure_code).toBe('account_restricted');
    expect(await moved(body.id)).toEqual({});
    expect(await balances(creatorId)).toMatchObject({ available: 5000, in_payout: 0 });
  });

  test.each(['timeout_after', 'timeout_before', 'error_500', 'drop', 'rate_limited'])(
    'survives %s at each step: money moves once',
    async (kind) => {
      for (const path of ['/v1/transfers', '/v1/payouts']) {
        const { creatorId } = await payee(5000n);
        await control.post('/_sandbox/faults', {
          provider: 'stripe',
          path_pattern: path,
          kind,
          times: 1,
          delay_ms: 200,
        });
        const { body } = await pay(creatorId);
        const done = await payoutIn(body.id, 'completed');
        const { transfer = 0, transfer_reversal: back = 0, payout: paid = 0 } = await moved(body.id);
        expect(transfer - back).toBe(1);
        expect(paid).toBe(1);
        expect(done.body.status).toBe('completed');
        expect(await balances(creatorId)).toMatchObject({ available: 0, in_payout: 0 });
      }
      await expectClean();
    },
    60_000,
  );
});

describe('a payout run', () => {
  const start = (body: object) =>
    admin.post<{ run_id: string; workflow_id: string }>('/api/v1/admin/payout-runs', body);
  const runIn = (id: string, ...statuses: string[]) =>
    until(
      () => admin.get<RunBody>(`/api/v1/admin/payout-runs/${id}`),
      ({ body }) => statuses.includes(body.status),
      60_000,
    );
  const itemsOf = async (id: string) =>
    (await admin.get<{ data: ItemBody[] }>(`/api/v1/admin/payout-runs/${id}/items?limit=100`)).body.data;

  test('pays who is due, names the reason of who is not, and pays nobody twice', async () => {
    const due = await Promise.all([payee(5000n), payee(2500n), payee(9000n)]);
    const poor = await payee(2499n);
    const ids = [...due, poor].map(({ creatorId }) => creatorId);
    const bare = await api.post<{ user: { creator_id: string } }>('/api/v1/auth/register', {
      email: 'bare@example.com',
      password: 'a long enough password',
      full_name: 'Bare',
      role: 'creator',
    });
    await giveEarnings(orm.em.fork(), [bare.body.user.creator_id], 8000n);
    ids.push(bare.body.user.creator_id);

    const dry = await start({ dry_run: true, creator_ids: ids });
    expect((await runIn(dry.body.run_id, 'completed')).body).toMatchObject({
      due: 3,
      completed: 0,
      amount_due: 16500,
      amount_paid: 0,
      skipped: 2,
    });

    const first = await start({ creator_ids: ids });
    expect(first.status).toBe(202);
    const second = await start({ creator_ids: ids });
    const done = await runIn(first.body.run_id, 'completed');
    const other = await runIn(second.body.run_id, 'completed');
    expect(done.body.amount_paid + other.body.amount_paid).toBe(16500);
    expect(done.body.progress).toBe(1);
    expect(done.body.control_hash).toMatch(/^[0-9a-f]{64}$/);
    const items = await itemsOf(first.body.run_id);
    expect(items).toHaveLength(5);
    const reasonOf = (creatorId: string) => items.find((item) => item.creator_id === creatorId)?.reason;
    expect(reasonOf(poor.creatorId)).toBe('below_minimum');
    expect(reasonOf(bare.body.user.creator_id)).toBe('onboarding_incomplete');
    for (const { creatorId } of due) expect(await balances(creatorId)).toMatchObject({ available: 0, in_payout: 0 });
    await expectClean();
  }, 90_000);

  test('is paused, shows its progress, is resumed; a failed payout of it waits in a run of its own', async () => {
    const good = await Promise.all([payee(5000n), payee(5000n)]);
    const bad = await payee(5000n, '000111111116');
    await control.post('/_sandbox/faults', {
      provider: 'stripe',
      path_pattern: '/v1/balance',
      kind: 'slow',
      times: 1,
      delay_ms: 2000,
    });
    const { body } = await start({ creator_ids: [...good, bad].map(({ creatorId }) => creatorId) });
    await runIn(body.run_id, 'running');
    const paused = await admin.post<RunBody>(`/api/v1/admin/payout-runs/${body.run_id}/pause`, {
      reason: 'have a look first',
    });
    expect(paused.body.status).toBe('paused');
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect((await admin.get<RunBody>(`/api/v1/admin/payout-runs/${body.run_id}`)).body).toMatchObject({
      status: 'paused',
      completed: 0,
    });
    await admin.post(`/api/v1/admin/payout-runs/${body.run_id}/resume`);
    const done = await runIn(body.run_id, 'completed');
    expect(done.body).toMatchObject({ completed: 2, failed: 1 });
    const items = await itemsOf(body.run_id);
    expect(items.find(({ creator_id }) => creator_id === bad.creatorId)).toMatchObject({
      outcome: 'failed',
      reason: 'no_account',
    });
    expect((await admin.post<RunBody>(`/api/v1/admin/payout-runs/${body.run_id}/pause`)).status).toBe(409);
    await expectClean();
  }, 90_000);
});
