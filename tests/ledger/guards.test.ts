import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { campaignBudget, creatorAccount, railAccount } from '../../src/ledger/accounts.ts';
import { post } from '../../src/ledger/post.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let app: pg.Client;
let owner: pg.Client;
const creatorId = uuidv7();
const campaignId = uuidv7();
const by = { actor: 'test' };

beforeAll(async () => {
  database = await createTestDatabase();
  app = new pg.Client(database.urls.app);
  owner = new pg.Client(database.urls.owner);
  await Promise.all([app.connect(), owner.connect()]);
  const cash = railAccount('stripe', 'cash', 'USD');
  const budget = campaignBudget(campaignId, 'USD');
  const pending = creatorAccount(creatorId, 'pending', 'USD');
  await post(
    database.orm.em.fork(),
    [
      {
        type: 'campaign_funded',
        key: 'fund',
        lines: [
          { account: cash, amount: -1000n },
          { account: budget, amount: 1000n },
        ],
      },
      {
        type: 'earning_accrued',
        key: 'earn',
        lines: [
          { account: budget, amount: -300n },
          { account: pending, amount: 300n },
        ],
      },
    ],
    by,
  );
});

afterAll(async () => {
  await Promise.all([app.end(), owner.end()]);
  await database.close();
});

async function snapshot(): Promise<unknown> {
  const { rows } = await owner.query(`
    select (select jsonb_agg(to_jsonb(p) order by account_id, account_version) from posting p) as postings,
           (select jsonb_agg(to_jsonb(e) order by id) from journal_entry e) as entries,
           (select jsonb_agg(to_jsonb(a) order by id) from ledger_account a) as accounts`);
  return rows[0];
}

/** Runs the statement and proves that it was refused and that nothing at all changed. */
async function refused(client: pg.Client, statement: string, reason: RegExp): Promise<void> {
  const before = await snapshot();
  await expect(client.query(statement)).rejects.toThrow(reason);
  expect(await snapshot()).toEqual(before);
}

const anyEntry = `(select id from journal_entry limit 1)`;
const anyAccount = `(select id from ledger_account limit 1)`;

describe("the application's own role in raw SQL", () => {
  const attacks: Record<string, string> = {
    'edits a posting': `update posting set amount = amount + 1`,
    'edits an entry': `update journal_entry set type = 'other'`,
    'edits a balance': `update ledger_account set balance = balance + 100`,
    'deletes postings': `delete from posting`,
    'deletes entries': `delete from journal_entry`,
    'deletes accounts': `delete from ledger_account`,
    'truncates postings': `truncate posting`,
    'truncates everything': `truncate journal_entry, posting, ledger_account cascade`,
    'writes a posting past the function': `insert into posting select entry_id, 9, account_id, 99, 5, currency, 5 from posting limit 1`,
    'writes an entry past the function': `insert into journal_entry (id, type, idempotency_key, request_hash, effective_at, actor)
      values (gen_random_uuid(), 'x', 'x', 'x', now(), 'x')`,
    'opens an unguarded account': `insert into ledger_account (id, owner_type, kind, guarded, currency)
      values (gen_random_uuid(), 'platform', 'available', false, 'USD')`,
    'unguards a kind': `update ledger_account_kind set guarded = false`,
    'switches the triggers off': `alter table posting disable trigger all`,
    'becomes a replica to skip triggers': `set session_replication_role = replica`,
    'replaces the function': `create or replace function public.ledger_post() returns void language sql as 'select'`,
  };
  test.each(Object.entries(attacks))('%s: refused', async (_name, statement) => {
    await refused(app, statement, /permission denied|must be owner/);
  });
});

describe('even the owner of the tables', () => {
  const attacks: Record<string, [string, RegExp]> = {
    'edits a posting': [`update posting set amount = amount + 1`, /append-only/],
    'edits an entry': [`update journal_entry set type = 'other'`, /append-only/],
    'deletes a posting': [`delete from posting where false`, /append-only/],
    'deletes an entry': [`delete from journal_entry`, /append-only/],
    truncates: [`truncate posting`, /append-only/],
    'deletes an account': [`delete from ledger_account`, /append-only/],
    'writes an unbalanced posting': [
      `insert into posting values (${anyEntry}, 77, ${anyAccount}, 77, 5, 'USD', 5)`,
      /does not balance/,
    ],
    'writes lines that balance only across currencies': [
      `insert into posting values (${anyEntry}, 77, ${anyAccount}, 77, 5, 'USD', 5), (${anyEntry}, 78, ${anyAccount}, 78, -5, 'EUR', 0)`,
      /does not balance/,
    ],
    'writes an empty line': [
      `insert into posting values (${anyEntry}, 77, ${anyAccount}, 77, 0, 'USD', 0)`,
      /empty line/,
    ],
    'overdraws a guarded account': [`update ledger_account set balance = -1 where kind = 'pending'`, /not_overdrawn/],
    'calls a guarded kind unguarded': [
      `update ledger_account set guarded = false where kind = 'pending'`,
      /ledger_account_of_kind/,
    ],
    'repeats a version of an account': [
      `insert into posting select entry_id, line + 50, account_id, account_version, amount, currency, balance_after from posting`,
      /duplicate key/,
    ],
    'repeats a key': [
      `insert into journal_entry (id, type, idempotency_key, request_hash, effective_at, actor)
       values (gen_random_uuid(), 'x', 'fund', 'x', now(), 'x')`,
      /journal_entry_idempotency_key/,
    ],
  };
  test.each(Object.entries(attacks))('%s: refused', async (_name, [statement, reason]) => {
    await refused(owner, statement, reason);
  });
});

describe('ledger_post itself', () => {
  const budget = campaignBudget(campaignId, 'USD');
  const pending = creatorAccount(creatorId, 'pending', 'USD');
  const attempt = (lines: { account: typeof budget; amount: bigint }[], key = uuidv7()) =>
    post(database.orm.em.fork(), [{ type: 'earning_accrued', key, lines }], by);

  test('refuses an entry that does not add up', async () => {
    const before = await snapshot();
    await expect(
      attempt([
        { account: budget, amount: -5n },
        { account: pending, amount: 4n },
      ]),
    ).rejects.toThrow(/does not balance/);
    expect(await snapshot()).toEqual(before);
  });

  test('refuses to overdraw a guarded account', async () => {
    const before = await snapshot();
    const overdraft = attempt([
      { account: budget, amount: -701n },
      { account: pending, amount: 701n },
    ]);
    await expect(overdraft).rejects.toMatchObject({ name: 'InsufficientBalanceError' });
    expect(await snapshot()).toEqual(before);
  });

  test('refuses a batch that dips below zero in between, though it ends above', async () => {
    const before = await snapshot();
    const batch = post(
      database.orm.em.fork(),
      [
        {
          type: 'earning_accrued',
          key: 'dip',
          lines: [
            { account: budget, amount: -701n },
            { account: pending, amount: 701n },
          ],
        },
        {
          type: 'reversal',
          key: 'back',
          lines: [
            { account: budget, amount: 701n },
            { account: pending, amount: -701n },
          ],
        },
      ],
      by,
    );
    await expect(batch).rejects.toMatchObject({ name: 'InsufficientBalanceError' });
    expect(await snapshot()).toEqual(before);
  });

  test('the same key and content is a replay, with other content it is refused', async () => {
    const lines = [
      { account: budget, amount: -1n },
      { account: pending, amount: 1n },
    ];
    const [first] = await attempt(lines, 'once');
    const before = await snapshot();
    expect(await attempt(lines, 'once')).toEqual([{ key: 'once', entryId: first!.entryId, replayed: true }]);
    const other = attempt(
      [
        { account: budget, amount: -2n },
        { account: pending, amount: 2n },
      ],
      'once',
    );
    await expect(other).rejects.toMatchObject({ name: 'IdempotencyKeyReusedError' });
    expect(await snapshot()).toEqual(before);
  });

  test('reverses an entry once', async () => {
    const [entry] = await attempt([
      { account: budget, amount: -1n },
      { account: pending, amount: 1n },
    ]);
    const reversal = (key: string) =>
      post(
        database.orm.em.fork(),
        [
          {
            type: 'reversal',
            key,
            reverses: entry!.entryId,
            lines: [
              { account: budget, amount: 1n },
              { account: pending, amount: -1n },
            ],
          },
        ],
        by,
      );
    await reversal('reversal-1');
    const before = await snapshot();
    await expect(reversal('reversal-2')).rejects.toThrow(/journal_entry_reversed_once/);
    expect(await snapshot()).toEqual(before);
  });
});
