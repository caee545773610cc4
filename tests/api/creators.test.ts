import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { open } from '../../src/database/encryption.ts';
import { creatorAccount, railAccount } from '../../src/ledger/accounts.ts';
import { post } from '../../src/ledger/post.ts';
import { codeOf, createTestApi, type Caller, type TestApi } from '../support/api.ts';

interface CreatorBody {
  id: string;
  name: string;
  followers: number;
}

let api: TestApi;
let admin: Caller;

beforeAll(async () => {
  api = await createTestApi();
  admin = api.as(await api.user('admin'));
});
afterAll(async () => {
  await api.close();
});

const address = () => `${randomUUID()}@example.com`;
const database = () => api.database.orm.em.fork().getKysely();

async function add(changes: object = {}): Promise<CreatorBody> {
  const response = await admin.post('/api/v1/creators', { name: 'Thandi', email: address(), ...changes });
  expect(response.statusCode).toBe(201);
  return response.json<CreatorBody>();
}

/** `amount` is locked for the creator; the other side is money at the bank. */
async function credit(creatorId: string, amount: bigint): Promise<void> {
  const lines = [
    { account: creatorAccount(creatorId, 'available', 'USD'), amount },
    { account: railAccount('manual', 'cash', 'USD'), amount: -amount },
  ];
  await post(api.database.orm.em.fork(), [{ type: 'earning_locked', key: randomUUID(), lines }], { actor: 'test' });
}

describe('for admins', () => {
  test('are added, changed, listed and deleted', async () => {
    const email = address();
    const created = await admin.post('/creators', { name: 'Thandi', email, currency: 'ZMW', bio: 'Sings' });
    expect(created.statusCode).toBe(201);
    const { id } = created.json<CreatorBody>();
    expect(created.json()).toMatchObject({
      ...{
        name: 'Thandi',
        email,
        bio: 'Sings',
        avatar: null,
        currency: 'ZMW',
        status: 'active',
        payout_schedule: 'monthly',
      },
      ...{ earnings: 0, total_earned: 0, total_paid_out: 0, balance: 0, followers: 0 },
    });
    const changed = await admin.patch(`/creators/${id}`, {
      name: 'Thandi M.',
      bio: null,
      avatar_url: 'https://example.com/t.png',
    });
    expect(changed.statusCode).toBe(200);
    expect(changed.json()).toMatchObject({
      id,
      name: 'Thandi M.',
      bio: null,
      avatar: 'https://example.com/t.png',
      email,
    });
    expect((await admin.get(`/api/v1/creators/${id}`)).json()).toEqual(changed.json());
    const found = await admin.get(`/creators?q=${email.toUpperCase()}`);
    expect(found.json()).toEqual({ data: [changed.json()], has_more: false, next_cursor: null });
    expect((await admin.delete(`/creators/${id}`)).statusCode).toBe(204);
    expect((await admin.get(`/creators/${id}`)).statusCode).toBe(404);
    expect((await admin.get(`/creators?q=${email}`)).json()).toMatchObject({ data: [] });
    expect((await admin.get(`/creators?q=${email}&status=deleted`)).json()).toMatchObject({ data: [{ id }] });
    expect((await admin.delete(`/creators/${id}`)).statusCode).toBe(404);
  });

  test('an address belongs to one', async () => {
    const email = address();
    const { id } = await add({ email });
    const [again, other] = [await admin.post('/creators', { name: 'X', email: email.toUpperCase() }), await add()];
    expect([again.statusCode, codeOf(again)]).toEqual([409, 'email_taken']);
    const taken = await admin.patch(`/creators/${other.id}`, { email });
    expect([taken.statusCode, codeOf(taken)]).toEqual([409, 'email_taken']);
    await admin.delete(`/creators/${id}`);
    await add({ email });
  });

  test.each([
    ['name', { name: '' }],
    ['email', { email: 'x' }],
    ['currency', { currency: 'usd' }],
    ['avatar_url', { avatar_url: 'javascript:alert(1)' }],
    ['status', { status: 'banned' }],
    ['name', { name: 7 }],
  ])('a wrong %s is refused', async (path, changes) => {
    const response = await admin.post('/creators', { name: 'Thandi', email: address(), ...changes });
    expect(response.statusCode).toBe(400);
    expect(response.json<{ errors: { path: string }[] }>().errors[0]?.path).toBe(path);
  });

  test('while money is owed neither currency nor existence may end', async () => {
    const { id } = await add();
    await credit(id, 125n);
    expect((await admin.get(`/creators/${id}`)).json()).toMatchObject({ balance: 125 });
    const currency = await admin.patch(`/creators/${id}`, { currency: 'EUR' });
    expect([currency.statusCode, codeOf(currency)]).toEqual([409, 'conflict']);
    const deleted = await admin.delete(`/creators/${id}`);
    expect([deleted.statusCode, codeOf(deleted)]).toEqual([409, 'conflict']);
    expect((await admin.patch(`/creators/${id}`, { currency: 'USD', name: 'Still' })).statusCode).toBe(200);
    await credit(id, -125n);
    expect((await admin.patch(`/creators/${id}`, { currency: 'EUR' })).json()).toMatchObject({ currency: 'EUR' });
    expect((await admin.delete(`/creators/${id}`)).statusCode).toBe(204);
  });

  test('the totals are those of earnings and payouts, in the one currency', async () => {
    const { id } = await add();
    await sql`
      insert into earning (creator_id, source_type, source_id, source_event, gross, fee, net, currency, status, clawed_back_amount,
                           rules_version, earned_at, release_at)
      select ${id}::uuid, 'campaign', uuidv7(), ${id} || n, gross, fee, gross - fee, currency, status, clawed_back, 1, now(), now()
        from (values (1, 1000, 100, 'USD', 'pending', 0), (2, 500, 0, 'USD', 'locked', 0), (3, 300, 0, 'USD', 'paid', 50),
                     (4, 70, 0, 'USD', 'clawed_back', 70), (5, 9999, 0, 'USD', 'external', 0), (6, 8888, 0, 'EUR', 'locked', 0))
          as e (n, gross, fee, currency, status, clawed_back)`.execute(database());
    await sql`
      insert into payout (creator_id, request_key, status, amount, currency, method, requested_by)
      values (${id}, ${randomUUID()}, 'completed', 300, 'USD', 'manual', 'test'),
             (${id}, ${randomUUID()}, 'failed', 200, 'USD', 'manual', 'test')`.execute(database());
    expect((await admin.get(`/creators/${id}`)).json()).toMatchObject({
      ...{ earnings: 1650, total_earned: 1650, total_paid_out: 300, balance: 0 },
    });
    const earnings = (await api.as().get(`/creators/${id}`)).json<{ earnings: number }>().earnings;
    expect(earnings).toBe(1650);
  });
});

describe('for others', () => {
  test('anyone sees the public part, the owner all of it', async () => {
    const [owner, other] = [await api.user('creator'), await api.user('creator')];
    const path = `/api/v1/creators/${owner.creatorId ?? ''}`;
    const publicPart = ['avatar', 'bio', 'earnings', 'followers', 'id', 'name'];
    for (const caller of [api.as(), api.as(other), api.as(await api.user('fan')), api.as('expired.or.forged')]) {
      expect(Object.keys((await caller.get(path)).json<object>()).sort()).toEqual(publicPart);
    }
    const own = (await api.as(owner).get(path)).json<object>();
    expect(own).toMatchObject({ email: owner.email, currency: 'USD', total_earned: 0, total_paid_out: 0, balance: 0 });
    expect((await api.as(owner).get(`/creators/${owner.creatorId ?? ''}`)).json()).toEqual(own);
  });

  test('fans follow, and count once', async () => {
    const { id } = await add();
    const fans = await Promise.all([api.user('fan'), api.user('fan'), api.user('fan')]);
    const followers = async () => (await api.as().get(`/creators/${id}`)).json<CreatorBody>().followers;
    const responses = await Promise.all(
      [...fans, ...fans].map((fan) => api.as(fan).post(`/api/v1/creators/${id}/follow`)),
    );
    expect(new Set(responses.map((response) => response.statusCode))).toEqual(new Set([204]));
    expect(await followers()).toBe(3);
    await Promise.all([1, 2].map(() => api.as(fans[0]).delete(`/creators/${id}/follow`)));
    expect(await followers()).toBe(2);
    expect((await api.as(fans[0]).post(`/creators/${randomUUID()}/follow`)).statusCode).toBe(404);
  });
});

describe('the own profile', () => {
  test('changes only in what is given', async () => {
    const user = await api.user('creator');
    const own = api.as(user);
    const before = (await own.get('/api/v1/creators/me')).json<object>();
    expect(before).toMatchObject({
      id: user.creatorId,
      email: user.email,
      bank_account: null,
      payout_schedule: 'monthly',
    });
    const changes = {
      full_name: 'New Name',
      bio: 'Hello',
      avatar_url: 'https://example.com/a.png',
      payout_schedule: 'weekly',
    };
    const changed = await own.put('/api/v1/creators/me', changes);
    expect(changed.statusCode).toBe(200);
    expect(changed.json()).toMatchObject({ ...changes, name: 'New Name', avatar: changes.avatar_url });
    const cleared = await own.put('/creators/me', { bio: null });
    expect(cleared.json()).toEqual({ ...changed.json<object>(), bio: null });
    expect((await own.put('/creators/me', { currency: 'EUR' })).statusCode).toBe(400);
  });

  test('keeps the bank account sealed and shows its end only', async () => {
    const user = await api.user('creator');
    const creatorId = user.creatorId ?? '';
    const body = { bank_account: 'GB33 BUKB 2020 1555 5555 55', account_name: 'A. Mwansa' };
    const saved = await api.as(user).put('/api/v1/creators/me', body);
    expect(saved.json()).toMatchObject({ bank_account: '****5555', account_name: 'A. Mwansa' });
    const { rows } = await sql<{ sealed: string }>`
      select bank_account as sealed from creator where id = ${creatorId}`.execute(database());
    const { sealed } = rows[0]!;
    const keys = api.app.settings.encryptionKeys;
    expect(open(sealed, `creator/${creatorId}/bank_account`, keys)).toBe('GB33BUKB20201555555555');
    expect(sealed).not.toContain('BUKB');
    expect(() => open(sealed, `creator/${randomUUID()}/bank_account`, keys)).toThrow();
    const removed = await api.as(user).put('/api/v1/creators/me', { bank_account: null });
    expect(removed.json()).toMatchObject({ bank_account: null, account_name: 'A. Mwansa' });
  });

  test('is not stored in the clear where there is no key', async () => {
    const own = await createTestApi({ encryptionKeys: [] });
    try {
      const user = own.as(await own.user('creator'));
      const refused = await user.put('/api/v1/creators/me', { bank_account: '12345678' });
      expect([refused.statusCode, codeOf(refused)]).toEqual([503, 'unavailable']);
      expect((await user.put('/api/v1/creators/me', { bio: 'x' })).statusCode).toBe(200);
    } finally {
      await own.close();
    }
  });
});
