import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import {
  campaignBudget,
  creatorAccount,
  platformAccount,
  railAccount,
  type LedgerAccount,
} from '../../src/ledger/accounts.ts';
import { InsufficientBalanceError } from '../../src/ledger/errors.ts';
import { post, type JournalEntry } from '../../src/ledger/post.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

const by = { actor: 'property' };
const CREATORS = 3;

/** What can happen, as the platform would post it. `retry` sends an earlier entry again. */
type Command =
  | {
      kind: 'fund' | 'accrue' | 'lock' | 'reserve' | 'release' | 'send' | 'settle' | 'return';
      creator: number;
      amount: bigint;
    }
  | { kind: 'retry' | 'reverse'; nth: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('fund', 'accrue', 'lock', 'reserve', 'release', 'send', 'settle', 'return'),
      creator: fc.nat(CREATORS - 1),
      amount: fc.bigInt({ min: 1n, max: 500n }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('retry', 'reverse'), nth: fc.nat(60) }) },
);

function world() {
  const budget = campaignBudget(uuidv7(), 'USD');
  const cash = railAccount('stripe', 'cash', 'USD');
  const clearing = railAccount('stripe', 'clearing', 'USD');
  const fees = platformAccount('fees', 'USD');
  const ids = Array.from({ length: CREATORS }, () => uuidv7());
  const of = (creator: number, kind: 'pending' | 'available' | 'in_payout') =>
    creatorAccount(ids[creator]!, kind, 'USD');
  const move = (from: LedgerAccount, to: LedgerAccount, amount: bigint) => [
    { account: from, amount: -amount },
    { account: to, amount },
  ];
  const lines = (kind: string, creator: number, amount: bigint): JournalEntry['lines'] => {
    switch (kind) {
      case 'fund':
        return move(cash, budget, amount * 4n);
      case 'accrue': {
        const fee = amount / 5n;
        const shares = [
          { account: budget, amount: -amount },
          { account: of(creator, 'pending'), amount: amount - fee },
        ];
        return fee === 0n ? shares : [...shares, { account: fees, amount: fee }];
      }
      case 'lock':
        return move(of(creator, 'pending'), of(creator, 'available'), amount);
      case 'reserve':
        return move(of(creator, 'available'), of(creator, 'in_payout'), amount);
      case 'release':
        return move(of(creator, 'in_payout'), of(creator, 'available'), amount);
      case 'send':
        return move(of(creator, 'in_payout'), clearing, amount);
      case 'settle':
        return move(clearing, cash, amount);
      default:
        return move(clearing, of(creator, 'available'), amount);
    }
  };
  return {
    lines,
    guarded: new Set([
      budget.id,
      ...ids.flatMap((_, c) => (['pending', 'available', 'in_payout'] as const).map((k) => of(c, k).id)),
    ]),
  };
}

test('random histories, posted in random batches, agree with a model: Σ = 0, guards hold, repeats change nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { minLength: 1, maxLength: 60 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      async (commands, sizes) => {
        const { lines, guarded } = world();
        const model = new Map<string, bigint>();
        const posted: (JournalEntry & { id: string })[] = [];
        const reversed = new Set<string>();
        const prefix = uuidv7();

        let at = 0;
        for (let batch = 0; at < commands.length; batch += 1) {
          const chunk = commands.slice(at, at + sizes[batch % sizes.length]!);
          at += chunk.length;
          const entries = chunk.flatMap((c, i): JournalEntry[] => {
            const key = `${prefix}:${batch}:${i}`;
            if ('creator' in c) return [{ type: 'earning_accrued', key, lines: lines(c.kind, c.creator, c.amount) }];
            const earlier = posted[c.nth % Math.max(posted.length, 1)];
            if (!earlier) return [];
            if (c.kind === 'retry') return [earlier];
            if (reversed.has(earlier.id) || earlier.type === 'reversal') return [];
            reversed.add(earlier.id);
            return [
              {
                type: 'reversal',
                key,
                reverses: earlier.id,
                lines: earlier.lines.map(({ account, amount }) => ({ account, amount: -amount })),
              },
            ];
          });
          const known = new Set(posted.map(({ key }) => key));
          const after = new Map(model);
          let refused = false;
          for (const entry of entries) {
            if (known.has(entry.key)) continue;
            known.add(entry.key);
            for (const { account, amount } of entry.lines) {
              const balance = (after.get(account.id) ?? 0n) + amount;
              after.set(account.id, balance);
              if (guarded.has(account.id) && balance < 0n) refused = true;
            }
          }
          if (refused) {
            await expect(post(database.orm.em.fork(), entries, by)).rejects.toBeInstanceOf(InsufficientBalanceError);
            for (const entry of entries) if (entry.reverses) reversed.delete(entry.reverses);
          } else {
            const results = await post(database.orm.em.fork(), entries, by);
            for (const [id, balance] of after) model.set(id, balance);
            results.forEach(({ replayed, entryId }, i) => {
              if (!replayed) posted.push({ ...entries[i]!, id: entryId });
            });
            const again = await post(database.orm.em.fork(), entries, by);
            expect(again.every(({ replayed }) => replayed)).toBe(true);
          }
        }

        const own = [...guarded];
        const { rows } = await sql<{ id: string; balance: string }>`
        select id, balance from ledger_account where id = any (${own}::uuid[])`.execute(
          database.orm.em.fork().getKysely(),
        );
        const stored = new Map(rows.map(({ id, balance }) => [id, BigInt(balance)]));
        for (const id of own) expect(stored.get(id) ?? 0n).toBe(model.get(id) ?? 0n);
      },
    ),
    { numRuns: 40 },
  );
  const { differences, entries } = await verifyLedger(database.orm.em.fork());
  expect(differences).toEqual([]);
  expect(entries).toBeGreaterThan(0);
}, 120_000);

test('concurrent posts from many connections to the same accounts lose nothing and never deadlock', async () => {
  const a = creatorAccount(uuidv7(), 'available', 'USD');
  const b = creatorAccount(uuidv7(), 'available', 'USD');
  const cash = railAccount('stripe', 'cash', 'USD');
  const move = (from: LedgerAccount, to: LedgerAccount, key: string): JournalEntry => ({
    type: 'earning_accrued',
    key,
    lines: [
      { account: from, amount: -1n },
      { account: to, amount: 1n },
    ],
  });
  await post(
    database.orm.em.fork(),
    [
      {
        type: 'campaign_funded',
        key: uuidv7(),
        lines: [
          { account: cash, amount: -100n },
          { account: a, amount: 50n },
          { account: b, amount: 50n },
        ],
      },
    ],
    by,
  );
  const runs = Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? move(a, b, `race:${i}`) : move(b, a, `race:${i}`)));
  await Promise.all(runs.map((entry) => post(database.orm.em.fork(), [entry], by)));
  const { rows } = await sql<{ total: string }>`
    select sum(balance) as total from ledger_account where id in (${a.id}, ${b.id})`.execute(
    database.orm.em.fork().getKysely(),
  );
  expect(rows[0]!.total).toBe('100');
});

test('verification names a difference', async () => {
  const { default: pg } = await import('pg');
  const owner = new pg.Client(database.urls.owner);
  await owner.connect();
  try {
    await owner.query(`update ledger_account set balance = balance + 1 where kind = 'cash'`);
    const { differences } = await verifyLedger(database.orm.em.fork());
    expect(differences).toEqual([expect.objectContaining({ check: 'balance' })]);
  } finally {
    await owner.query(`update ledger_account set balance = balance - 1 where kind = 'cash'`);
    await owner.end();
  }
});
