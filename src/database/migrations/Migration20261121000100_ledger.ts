import { Migration } from '@mikro-orm/migrations';
import { ledgerGuards } from './ledger-guards.ts';
import { ledgerPost } from './ledger-post.ts';

export class Migration20261121000100_ledger extends Migration {
  override name = 'Migration20261121000100_ledger';

  override up(): void {
    // Types and a reference table instead of checks: PostgreSQL re-reads every check of a table for each statement that touches it.
    this.addSql(`create type ledger_book as enum ('main', 'memo')`);
    this.addSql(`create type ledger_owner_type as enum ('creator', 'campaign', 'platform', 'rail')`);
    this.addSql(`create domain currency_code as char(3) check (value ~ '^[A-Z]{3}$')`);
    this.addSql(`
      create table ledger_account_kind (
        kind text not null,
        guarded boolean not null,
        primary key (kind, guarded),
        constraint ledger_account_kind_once unique (kind)
      )`);
    this.addSql(`
      insert into ledger_account_kind (kind, guarded) values
        ('pending', true), ('available', true), ('in_payout', true), ('tax_reserve', true), ('budget', true),
        ('debt', false), ('fees', false), ('fx', false), ('dispute_loss', false), ('suspense', false),
        ('clearing', false), ('cash', false), ('external', false)`);
    this.addSql(`
      create table ledger_account (
        id uuid not null,
        book ledger_book not null default 'main',
        owner_type ledger_owner_type not null,
        owner_id uuid null,
        rail text null,
        kind text not null,
        currency currency_code not null,
        guarded boolean not null,
        balance bigint not null default 0,
        version bigint not null default 0,
        created_at timestamptz not null default now(),
        primary key (id),
        constraint ledger_account_of_kind foreign key (kind, guarded) references ledger_account_kind (kind, guarded),
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
        constraint journal_entry_reverses foreign key (reverses_id) references journal_entry (id)
      )`);
    this.addSql(`
      create table posting (
        entry_id uuid not null,
        line int not null,
        account_id uuid not null,
        account_version bigint not null,
        amount bigint not null,
        currency char(3) not null,
        balance_after bigint not null,
        primary key (account_id, account_version),
        constraint posting_line unique (entry_id, line)
      )`);
    this.addSql(
      `create unique index journal_entry_reversed_once on journal_entry (reverses_id) where reverses_id is not null`,
    );
    for (const statement of [...ledgerGuards, ledgerPost]) this.addSql(statement);
    this.addSql(
      `revoke insert, update, delete, truncate on ledger_account_kind, ledger_account, journal_entry, posting from stipend_application`,
    );
    this.addSql(`revoke all on function ledger_post from public`);
    this.addSql(`grant execute on function ledger_post to stipend_application`);
  }
}
