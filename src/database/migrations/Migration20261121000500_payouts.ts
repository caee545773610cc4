import { Migration } from '@mikro-orm/migrations';
import { payoutStatusGuard } from './payout-status-guard.ts';

export class Migration20261121000500_payouts extends Migration {
  override name = 'Migration20261121000500_payouts';

  override up(): void {
    this.addSql(`
      create table payout_run (
        id uuid not null default uuidv7() primary key,
        schedule text not null check (schedule in ('monthly', 'biweekly', 'weekly', 'manual')),
        period text not null,
        sequence int not null,
        request_key text not null,
        currency char(3) not null,
        dry_run boolean not null default false,
        creator_ids uuid[] null,
        status text not null default 'preparing'
          check (status in ('preparing', 'awaiting_approval', 'running', 'paused', 'completed', 'canceled')),
        requested_by text not null,
        considered int not null default 0,
        due int not null default 0,
        amount_due bigint not null default 0,
        control_hash text null,
        created_at timestamptz not null default now(),
        frozen_at timestamptz null,
        finished_at timestamptz null,
        constraint payout_run_requested_once unique (request_key),
        constraint payout_run_of_period unique (schedule, period, sequence)
      )`);
    this.addSql(`
      create table payout (
        id uuid not null default uuidv7() primary key,
        creator_id uuid not null references creator (id),
        run_id uuid null references payout_run (id),
        request_key text not null,
        status text not null default 'pending' check (status in (
          'pending', 'approved', 'rejected', 'processing', 'in_transit', 'completed',
          'held', 'outcome_unknown', 'failed', 'canceled', 'reversed')),
        amount bigint not null check (amount > 0),
        currency char(3) not null,
        method text not null check (method in ('stripe', 'mobile_money', 'bank_transfer', 'manual')),
        reference_id text null,
        attempt int not null default 0,
        destination text null,
        transfer_id text null,
        bank_payout_id text null,
        needs_return boolean not null default false,
        polled_at timestamptz not null default now(),
        own_run boolean not null default false,
        failure_code text null,
        failure_reason text null,
        requested_by text not null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        completed_at timestamptz null,
        constraint payout_requested_once unique (request_key)
      ) with (fillfactor = 80)`);
    this.addSql(`
      create unique index payout_one_open on payout (creator_id, currency)
        where status in ('pending', 'approved', 'processing', 'in_transit', 'held', 'outcome_unknown')`);
    this.addSql(
      `create unique index payout_reference on payout (creator_id, reference_id) where reference_id is not null`,
    );
    this.addSql(`create unique index payout_bank_payout on payout (bank_payout_id) where bank_payout_id is not null`);
    this.addSql(`create index payout_transfer on payout (transfer_id) where transfer_id is not null`);
    this.addSql(`create index payout_of_creator on payout (creator_id, id desc)`);
    this.addSql(`create index payout_of_run on payout (run_id, status) where run_id is not null`);
    this.addSql(`
      create table payout_attempt (
        id uuid not null default uuidv7() primary key,
        payout_id uuid not null references payout (id),
        attempt int not null,
        step text not null check (step in ('transfer', 'bank_payout', 'reversal')),
        idempotency_key text not null,
        status text not null default 'started' check (status in ('started', 'succeeded', 'refused', 'unknown')),
        provider_id text null,
        code text null,
        message text null,
        request_id text null,
        tries int not null default 0,
        started_at timestamptz not null default now(),
        finished_at timestamptz null,
        constraint payout_attempt_step unique (payout_id, attempt, step),
        constraint payout_attempt_key unique (idempotency_key)
      )`);
    this.addSql(`
      create table payout_line_item (
        id uuid not null default uuidv7() primary key,
        payout_id uuid not null references payout (id),
        created_for int not null,
        earning_id uuid null,
        source_type text not null,
        source_id text null,
        description text not null,
        gross bigint not null,
        fee bigint not null,
        net bigint not null,
        released_at timestamptz null
      )`);
    this.addSql(`create index payout_line_item_of_payout on payout_line_item (payout_id)`);
    this.addSql(`
      create table payout_event (
        id uuid not null default uuidv7() primary key,
        payout_id uuid not null references payout (id),
        status text not null,
        detail text null,
        at timestamptz not null default clock_timestamp()
      )`);
    this.addSql(`create index payout_event_of_payout on payout_event (payout_id, id)`);
    this.addSql(`
      create table payout_run_item (
        run_id uuid not null references payout_run (id),
        ordinal int not null,
        creator_id uuid not null references creator (id),
        outcome text not null check (outcome in ('due', 'skipped')),
        reason text null,
        next_date timestamptz null,
        amount bigint not null,
        payout_id uuid null references payout (id),
        primary key (run_id, creator_id),
        constraint payout_run_item_ordinal unique (run_id, ordinal)
      ) with (fillfactor = 80)`);
    this.addSql(
      `create unique index payout_run_item_payout on payout_run_item (payout_id) where payout_id is not null`,
    );
    for (const statement of payoutStatusGuard) this.addSql(statement);
    this.addSql(`revoke update, delete, truncate on payout_event from stipend_application`);
  }
}
