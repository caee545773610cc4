import { Migration } from '@mikro-orm/migrations';

export class Migration20261121000400_campaigns extends Migration {
  override name = 'Migration20261121000400_campaigns';

  override up(): void {
    this.addSql(`
      create table campaign (
        id uuid not null default uuidv7() primary key,
        brand_id uuid not null references app_user (id),
        title text not null,
        brief text not null,
        destination_url text null,
        currency char(3) not null check (currency ~ '^[A-Z]{3}$'),
        budget bigint not null check (budget > 0),
        rate_per_thousand bigint not null check (rate_per_thousand > 0),
        metric text not null check (metric in ('views', 'clicks', 'likes')),
        platforms text[] not null check (platforms <@ array['youtube', 'tiktok', 'instagram', 'x']),
        slots int not null check (slots > 0),
        per_creator_cap bigint null check (per_creator_cap > 0),
        daily_budget bigint null check (daily_budget > 0),
        hourly_budget bigint null check (hourly_budget > 0),
        starts_at timestamptz not null,
        ends_at timestamptz not null,
        targeting jsonb not null default '{}' check (jsonb_typeof(targeting) = 'object'),
        auto_approve boolean not null default false,
        allowlist uuid[] not null default '{}',
        status text not null default 'draft' check (status in ('draft', 'reviewing', 'published', 'completed')),
        funded bigint not null default 0 check (funded >= 0),
        spent bigint not null default 0,
        slots_taken int not null default 0,
        last_request uuid null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        published_at timestamptz null,
        completed_at timestamptz null,
        constraint campaign_ends_after_start check (ends_at > starts_at),
        constraint campaign_not_overspent check (spent between 0 and budget),
        constraint campaign_slots_not_oversold check (slots_taken <= slots),
        constraint campaign_funded_before_published check (status in ('draft', 'reviewing') or funded >= budget)
      ) with (fillfactor = 80)`);
    this.addSql(`create index campaign_of_brand on campaign (brand_id, id)`);
    this.addSql(`create index campaign_by_status on campaign (status, id)`);
    this.addSql(`
      create table campaign_funding (
        id uuid not null primary key,
        campaign_id uuid not null references campaign (id),
        amount bigint not null check (amount > 0),
        funded_by text not null,
        created_at timestamptz not null default now()
      )`);
    this.addSql(`create index campaign_funding_of_campaign on campaign_funding (campaign_id)`);
    // accrual_due_at: its counts may be worth more than was accrued, since then; null: they are not
    this.addSql(`
      create table participation (
        id uuid not null primary key,
        campaign_id uuid not null references campaign (id),
        creator_id uuid not null references creator (id),
        status text not null check (status in ('applied', 'approved', 'active', 'completed', 'paid', 'rejected')),
        message text null,
        tracking_code text not null constraint participation_tracking_code unique,
        status_reason text null,
        last_request uuid null,
        accrued bigint not null default 0 check (accrued >= 0),
        fees_charged numeric(38, 0) not null default 0,
        accruals int not null default 0,
        accrual_due_at timestamptz null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint participation_once unique (campaign_id, creator_id)
      ) with (fillfactor = 80)`);
    this.addSql(`create index participation_of_campaign on participation (campaign_id, id)`);
    this.addSql(
      `create index participation_accrual_due on participation (accrual_due_at, id) where accrual_due_at is not null`,
    );
    this.addSql(`
      create table post (
        id uuid not null default uuidv7() primary key,
        participation_id uuid not null references participation (id),
        platform text not null check (platform in ('youtube', 'tiktok', 'instagram', 'x')),
        post_id text not null,
        post_url text not null,
        created_at timestamptz not null default now(),
        constraint post_once unique (platform, post_id)
      )`);
    this.addSql(`create index post_of_participation on post (participation_id)`);
    // No foreign keys: the one statement that writes here has just joined both tables, and checking each row again costs as much as
    // writing it. The unique key is also how the highest count of a series is found without reading its history.
    this.addSql(`
      create table metric_snapshot (
        participation_id uuid not null,
        post_id uuid null,
        metric text not null check (metric in ('views', 'clicks', 'likes')),
        value bigint not null check (value >= 0),
        observed_at timestamptz not null,
        received_at timestamptz not null default now(),
        source text not null,
        constraint metric_snapshot_once unique nulls not distinct (participation_id, post_id, metric, value, observed_at)
      )`);
    this.addSql(`revoke update, delete, truncate on metric_snapshot from stipend_application`);
    // one row for each batch that brought something new, removed when its participations are marked as due: a row that is committed
    // late is found by the next sweep, however the batches overlap
    this.addSql(`
      create table metric_batch (
        id bigint not null generated always as identity primary key,
        participation_ids uuid[] not null,
        received_at timestamptz not null default now()
      )`);
    this.addSql(`
      create table earning_policy (
        source_type text not null primary key
          check (source_type in ('campaign', 'api_usage', 'subscription', 'referral', 'view', 'tip')),
        fee_bps int not null check (fee_bps between 0 and 10000),
        hold_ms bigint not null check (hold_ms >= 0),
        updated_at timestamptz not null default now()
      )`);
    this.addSql(`
      insert into earning_policy (source_type, fee_bps, hold_ms) values
        ('campaign', 0, 14 * 86400000), ('api_usage', 2000, 7 * 86400000),
        ('subscription', 0, 0), ('referral', 0, 0), ('view', 0, 0), ('tip', 0, 0)`);
    this.addSql(`revoke insert, delete, truncate on earning_policy from stipend_application`);
    // release_at: to the millisecond, because it names a workflow
    this.addSql(`
      create table earning (
        id uuid not null default uuidv7() primary key,
        creator_id uuid not null references creator (id),
        source_type text not null references earning_policy (source_type),
        source_id uuid not null,
        source_event text not null constraint earning_of_event_once unique,
        platform text null,
        gross bigint not null,
        fee bigint not null,
        net bigint not null,
        currency char(3) not null,
        status text not null check (status in ('pending', 'locked', 'paid', 'clawed_back', 'external')),
        disputed boolean not null default false,
        paid_amount bigint not null default 0,
        clawed_back_amount bigint not null default 0,
        rules_version int not null,
        earned_at timestamptz not null,
        release_at timestamptz(3) not null,
        hold_started_at timestamptz null,
        locked_at timestamptz null,
        created_at timestamptz not null default now(),
        constraint earning_net_of_fee check (net = gross - fee),
        constraint earning_not_paid_twice check (paid_amount between 0 and greatest(net, 0)),
        constraint earning_not_clawed_back_twice check (clawed_back_amount between 0 and greatest(net, 0))
      ) with (fillfactor = 80)`);
    this.addSql(`create index earning_to_pay on earning (creator_id, currency, status, earned_at, id)`);
    this.addSql(`create index earning_of_creator on earning (creator_id, earned_at desc, id desc)`);
    this.addSql(`create index earning_of_source on earning (source_id)`);
    this.addSql(
      `create index earning_on_hold on earning (release_at, creator_id, currency) where status = 'pending' and not disputed`,
    );
    this.addSql(
      `create index earning_without_hold on earning (creator_id, currency, release_at) where status = 'pending' and hold_started_at is null`,
    );
  }
}
