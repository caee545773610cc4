import { Migration } from '@mikro-orm/migrations';

export class Migration20261121000200_identity extends Migration {
  override name = 'Migration20261121000200_identity';

  override up(): void {
    this.addSql(`
      create table app_user (
        id uuid not null default uuidv7() primary key,
        email text not null,
        password_hash text not null,
        full_name text not null,
        roles text[] not null
          check (roles <@ array['admin', 'finance', 'reviewer', 'brand', 'creator', 'fan'] and cardinality(roles) > 0),
        tier text not null check (tier in ('free', 'creator', 'pro', 'business')),
        status text not null default 'active' check (status in ('active', 'disabled')),
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);
    this.addSql(`create unique index app_user_email on app_user (lower(email))`);

    // a session is one family of refresh tokens, of which the newest alone is good
    this.addSql(`
      create table user_session (
        id uuid not null default uuidv7() primary key,
        user_id uuid not null references app_user (id),
        token_hash bytea not null,
        created_at timestamptz not null default now(),
        rotated_at timestamptz not null default now(),
        expires_at timestamptz not null,
        revoked_at timestamptz null,
        revoked_for text null check (revoked_for in ('logout', 'reuse', 'password')),
        constraint user_session_revoked_for_a_reason check ((revoked_at is null) = (revoked_for is null))
      )`);
    this.addSql(`create index user_session_of_user on user_session (user_id)`);
    this.addSql(`create index user_session_expiry on user_session (expires_at)`);

    this.addSql(`
      create table api_key (
        id uuid not null default uuidv7() primary key,
        name text not null,
        prefix text not null,
        key_hash bytea not null constraint api_key_hash unique,
        scopes text[] not null check (
          scopes <@ array['billing:write', 'metrics:write', 'transactions:write', 'users:register'] and cardinality(scopes) > 0),
        created_by text not null,
        created_at timestamptz not null default now(),
        last_used_at timestamptz null,
        revoked_at timestamptz null
      )`);

    this.addSql(`
      create table creator (
        id uuid not null default uuidv7() primary key,
        user_id uuid null constraint creator_user unique references app_user (id),
        name text not null,
        email text not null,
        bio text null,
        avatar_url text null,
        currency char(3) not null default 'USD' check (currency ~ '^[A-Z]{3}$'),
        status text not null default 'active' check (status in ('active', 'banned', 'deleted')),
        payout_schedule text not null default 'monthly' check (payout_schedule in ('monthly', 'biweekly', 'weekly', 'manual')),
        bank_account text null,
        bank_account_last4 text null,
        account_name text null,
        followers_count int not null default 0 check (followers_count >= 0),
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);
    // an operator adds somebody once; a person who registered with the same address is somebody else until that is proven
    this.addSql(
      `create unique index creator_email_without_login on creator (lower(email)) where user_id is null and status <> 'deleted'`,
    );
    this.addSql(`create index creator_email on creator (lower(email))`);
    this.addSql(`
      create table creator_follow (
        creator_id uuid not null references creator (id),
        user_id uuid not null references app_user (id),
        created_at timestamptz not null default now(),
        primary key (creator_id, user_id)
      )`);

    this.addSql(`
      create table idempotency_record (
        id uuid not null default uuidv7(),
        principal text not null,
        key text not null,
        method text not null,
        path text not null,
        body_hash bytea not null,
        locked_until timestamptz not null,
        response_status int null,
        response_type text null,
        response_body text null,
        created_at timestamptz not null default now(),
        expires_at timestamptz not null,
        primary key (principal, key)
      )`);
    this.addSql(`create index idempotency_record_expiry on idempotency_record (expires_at)`);

    this.addSql(`
      create table audit_log (
        id uuid not null default uuidv7() primary key,
        at timestamptz not null default now(),
        actor text not null,
        action text not null,
        subject_type text not null,
        subject_id text not null,
        reason text null,
        details jsonb not null default '{}'
      )`);
    this.addSql(`create index audit_log_of_subject on audit_log (subject_type, subject_id, id)`);
    this.addSql(`revoke update, delete, truncate on audit_log from stipend_application`);

    // counters of the current window; losing them in a crash costs nothing
    this.addSql(`
      create unlogged table rate_limit (
        key text not null primary key,
        hits int not null,
        resets_at timestamptz not null
      ) with (fillfactor = 50)`);
  }
}
