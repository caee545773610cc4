import { Migration } from '@mikro-orm/migrations';
import { ledgerGuards } from './ledger-guards.ts';
import { ledgerPost } from './ledger-post.ts';

export class Migration20261121000100_ledger extends Migration {
  override name = 'Migration20261121000100_ledger';

  override up(): void {
    this.addSql(`
      create table ledger_account (
        id uuid not null,
        book text not null default 'main' check (book in ('main', 'memo')),
        owner_type text not null check (owner_type in ('creator', 'campaign', 'platform', 'rail')),
        owner_id uuid null,
        rail text null,
        kind text not null check (kind in (
          'pending', 'available', 'in_payout', 'debt', 'tax_reserve', 'budget',
          'fees', 'fx', 'dispute_loss', 'suspense', 'clearing', 'cash', 'external')),
        currency char(3) not null check (currency ~ '^[A-Z]{3}$'),
        guarded boolean not null generated always as (kind in ('pending', 'available', 'in_payout', 'tax_reserve', 'budget')) stored,
        balance bigint not null default 0,
        version bigint not null default 0,
        created_at timestamptz not null default now(),
        primary key (id),
        constraint ledger_account_currency unique (id, currency),
        constraint ledger_account_natural_key unique nulls not distinct (owner_id, kind, currency, owner_type, rail, book),
        constraint ledger_account_not_overdrawn check (not guarded or balance >= 0)
      ) with (fillfactor = 70)`);
    this.addSql(`
      create table journal_entry (
        id uuid not null,
        type text not null,
        idempotency_key text not null,
        request_hash bytea not null,
        reverses_id uuid null,
        effective_at timestamptz not null,
        recorded_at timestamptz not null default now(),
        actor text not null,
        workflow_id text null,
        correlation_id text null,
        primary key (id),
        constraint journal_entry_idempotency_key unique (idempotency_key),
        constraint journal_entry_reversed_once unique (reverses_id),
        constraint journal_entry_reverses foreign key (reverses_id) references journal_entry (id)
      )`);
    this.addSql(`
      create table posting (
        entry_id uuid not null,
        line int not null check (line >= 1),
        account_id uuid not null,
        account_version bigint not null,
        amount bigint not null check (amount <> 0),
        currency char(3) not null,
        balance_after bigint not null,
        primary key (account_id, account_version),
        constraint posting_line unique (entry_id, line),
        constraint posting_entry foreign key (entry_id) references journal_entry (id),
        constraint posting_account foreign key (account_id, currency) references ledger_account (id, currency)
      )`);
    for (const statement of [...ledgerGuards, ledgerPost]) this.addSql(statement);
    this.addSql(`revoke insert, update, delete, truncate on ledger_account, journal_entry, posting from stipend_application`);
    this.addSql(`revoke all on function ledger_post from public`);
    this.addSql(`grant execute on function ledger_post to stipend_application`);
  }
}
