import { Migration } from '@mikro-orm/migrations';

export class Migration20261121000300_accounts extends Migration {
  override name = 'Migration20261121000300_accounts';

  override up(): void {
    this.addSql(`
      create table creator_payment_account (
        creator_id uuid not null references creator (id),
        provider text not null default 'stripe' check (provider in ('stripe')),
        provider_account_id text null,
        country char(2) not null check (country ~ '^[A-Z]{2}$'),
        status text not null default 'none' check (status in ('none', 'pending', 'restricted', 'active')),
        payouts_enabled boolean not null default false,
        charges_enabled boolean not null default false,
        transfers_enabled boolean not null default false,
        requirements jsonb not null default '[]' check (jsonb_typeof(requirements) = 'array'),
        disabled_reason text null,
        kyc_status text not null default 'none' check (kyc_status in ('none', 'pending', 'verified', 'rejected')),
        return_url text null,
        destination_last4 text null,
        destination_bank text null,
        destination_currency char(3) null,
        destination_fingerprint text null,
        destination_changed_at timestamptz null,
        creation_attempt int not null default 1 check (creation_attempt >= 1),
        creation_attempted_at timestamptz not null default now(),
        synced_at timestamptz null,
        events_listed_at timestamptz null,
        version int not null default 1,
        created_at timestamptz not null default now(),
        primary key (creator_id),
        constraint creator_payment_account_provider_account unique (provider, provider_account_id),
        constraint creator_payment_account_none_without_account check ((status = 'none') = (provider_account_id is null))
      )`);
    this.addSql(`
      create table provider_event (
        id text not null,
        provider text not null check (provider in ('stripe')),
        type text not null,
        account text null,
        object_id text null,
        occurred_at timestamptz not null,
        payload jsonb not null,
        received_at timestamptz not null default now(),
        handled_at timestamptz null,
        attempts int not null default 0,
        next_attempt_at timestamptz not null default now(),
        error text null,
        primary key (id)
      )`);
    this.addSql(
      `create index provider_event_unhandled on provider_event (provider, next_attempt_at) where handled_at is null`,
    );
  }

  override down(): void {
    this.addSql('drop table provider_event, creator_payment_account');
  }
}
