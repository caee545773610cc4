import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { creatorAccount, railAccount } from '../../src/ledger/accounts.ts';
import { post } from '../../src/ledger/post.ts';
import { ApiClient, until } from './client.ts';

export interface Payee {
  creatorId: string;
  accountId: string;
  token: string;
}

/** A creator with a finished Stripe account, made through the API and the sandbox as a person would. */
export async function onboardCreator(api: ApiClient, sandboxUrl: string, accountNumber?: string): Promise<Payee> {
  const registered = await api.post<{ access_token: string; user: { creator_id: string } }>('/api/v1/auth/register', {
    email: `${uuidv7()}@example.com`,
    password: 'a long enough password',
    full_name: 'Test Creator',
    role: 'creator',
  });
  const token = registered.body.access_token;
  const me = api.as(token);
  const onboarding = await me.post<{ account_id: string }>('/api/v1/accounts/onboard', {});
  const accountId = onboarding.body.account_id;
  await completeAccount(sandboxUrl, accountId, accountNumber);
  await until(
    () => me.get<{ status: string }>('/api/v1/accounts/status'),
    ({ body }) => body.status === 'active',
  );
  return { creatorId: registered.body.user.creator_id, accountId, token };
}

export async function completeAccount(sandboxUrl: string, accountId: string, accountNumber?: string): Promise<void> {
  const control = new ApiClient(sandboxUrl);
  const body = accountNumber === undefined ? {} : { account_number: accountNumber };
  const { status } = await control.post(`/_sandbox/stripe/accounts/${accountId}/complete`, body);
  if (status >= 300) throw new Error(`the sandbox answered ${status}`);
}

/** Locked earnings for creators, with the journal entries behind them. */
export async function giveEarnings(em: EntityManager, creatorIds: string[], amount: bigint): Promise<void> {
  await em.transactional(async (tx) => {
    const rows = creatorIds.map((creatorId) => ({ creatorId, id: uuidv7() }));
    await sql`
      insert into earning (id, creator_id, source_type, source_id, source_event, gross, fee, net, currency, status, rules_version, earned_at, release_at, locked_at)
      select id, creator_id, 'subscription', id, 'test:' || id, ${amount.toString()}::bigint, 0, ${amount.toString()}::bigint, 'USD', 'locked', 1, now(), now(), now()
        from unnest(${rows.map((r) => r.id)}::uuid[], ${rows.map((r) => r.creatorId)}::uuid[]) as e (id, creator_id)`.execute(
      tx.getKysely(),
    );
    await post(
      tx,
      rows.map(({ id, creatorId }) => ({
        type: 'earning_accrued',
        key: `test:${id}`,
        lines: [
          { account: railAccount('stripe', 'cash', 'USD'), amount: -amount },
          { account: creatorAccount(creatorId, 'available', 'USD'), amount },
        ],
      })),
      { actor: 'test' },
    );
  });
}
