import { IsolationLevel, type EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';

export interface LedgerDifference {
  check: string;
  subject: string;
  detail: string;
}

export interface LedgerVerification {
  entries: number;
  postings: number;
  accounts: number;
  /** The first of each check; none: everything adds up. */
  differences: LedgerDifference[];
}

/**
 * Rebuilds everything from the postings and compares: balances, the chain of running balances, Σ = 0 per entry and currency, entries
 * without lines, reversals that do not mirror, guarded accounts below zero. Reads one snapshot; corrects nothing.
 */
export async function verifyLedger(em: EntityManager): Promise<LedgerVerification> {
  return em.transactional(
    async (tx) => {
      const kysely = tx.getKysely();
      const { rows: counts } = await sql<{ entries: string; postings: string; accounts: string }>`
        select (select count(*) from journal_entry) as entries, (select count(*) from posting) as postings,
               (select count(*) from ledger_account) as accounts`.execute(kysely);
      const differences: LedgerDifference[] = [];
      for (const check of checks) {
        const { rows } = await check.query.execute(kysely);
        if (rows[0]) differences.push({ check: check.name, ...rows[0] });
      }
      const { entries, postings, accounts } = counts[0]!;
      return { entries: Number(entries), postings: Number(postings), accounts: Number(accounts), differences };
    },
    { isolationLevel: IsolationLevel.REPEATABLE_READ, readOnly: true },
  );
}

type Finding = Omit<LedgerDifference, 'check'>;

const checks = [
  {
    name: 'balance',
    query: sql<Finding>`
      select a.id as subject, format('stored %s (version %s), rebuilt %s (version %s)', a.balance, a.version, coalesce(p.sum, 0), coalesce(p.count, 0)) as detail
        from ledger_account a
        left join (select account_id, sum(amount) as sum, count(*) as count from posting group by account_id) p on p.account_id = a.id
       where a.balance <> coalesce(p.sum, 0) or a.version <> coalesce(p.count, 0) order by a.id limit 1`,
  },
  {
    name: 'running balance',
    query: sql<Finding>`
      select account_id as subject, format('version %s says %s, rebuilt %s', account_version, balance_after, rebuilt) as detail
        from (select account_id, account_version, balance_after,
                     sum(amount) over (partition by account_id order by account_version) as rebuilt,
                     row_number() over (partition by account_id order by account_version) as position
                from posting) chain
       where balance_after <> rebuilt or account_version <> position order by account_id, account_version limit 1`,
  },
  {
    name: 'balanced entry',
    query: sql<Finding>`
      select entry_id as subject, format('off by %s %s', sum(amount), currency) as detail from posting
       group by entry_id, currency having sum(amount) <> 0 order by entry_id limit 1`,
  },
  {
    name: 'lines',
    query: sql<Finding>`
      select coalesce(e.id, p.entry_id) as subject, case when e.id is null then 'lines without an entry' else 'an entry without lines' end as detail
        from journal_entry e full join (select distinct entry_id from posting) p on p.entry_id = e.id
       where e.id is null or p.entry_id is null limit 1`,
  },
  {
    name: 'account',
    query: sql<Finding>`
      select p.account_id as subject, format('posted in %s, kept in %s', p.currency, coalesce(a.currency::text, 'no account')) as detail
        from posting p left join ledger_account a on a.id = p.account_id and a.currency = p.currency where a.id is null limit 1`,
  },
  {
    name: 'reversal',
    query: sql<Finding>`
      select e.id as subject, 'does not mirror the entry that it reverses' as detail
        from journal_entry e
       where e.reverses_id is not null and exists (
         select account_id, sum(amount) from posting where entry_id in (e.id, e.reverses_id) group by account_id having sum(amount) <> 0)
       order by e.id limit 1`,
  },
  {
    name: 'guard',
    query: sql<Finding>`
      select p.account_id as subject, format('fell to %s', p.balance_after) as detail
        from posting p join ledger_account a on a.id = p.account_id
       where a.guarded and p.balance_after < 0 order by p.account_id, p.account_version limit 1`,
  },
];
