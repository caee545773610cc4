import type { EntityManager } from '@mikro-orm/postgresql';
import { sql, type RawBuilder } from 'kysely';
import type { CreatorStatus, PayoutSchedule } from '../../domain/creators.ts';

export interface CreatorRecord {
  id: string;
  name: string;
  email: string;
  bio: string | null;
  avatar_url: string | null;
  currency: string;
  status: CreatorStatus;
  payout_schedule: PayoutSchedule;
  bank_account_last4: string | null;
  account_name: string | null;
  followers: number;
  /** Net of fees, what is pending included, less what was clawed back. */
  total_earned: bigint;
  /** Completed payouts. */
  total_paid_out: bigint;
  /** Locked and not reserved. */
  balance: bigint;
  created_at: string;
}

/** A creator who was not deleted, with the totals; undefined where there is none. */
export async function findCreator(em: EntityManager, id: string): Promise<CreatorRecord | undefined> {
  const [creator] = await select(em, sql`c.id = ${id} and c.status <> 'deleted'`, 1);
  return creator;
}

export interface CreatorFilter {
  /** Part of the name or the e-mail address. */
  q: string | undefined;
  status: CreatorStatus | undefined;
  /** Only those after this id. */
  after: string | undefined;
  limit: number;
}

/** Newest first; without a status all but the deleted. */
export function listCreators(em: EntityManager, { q, status, after, limit }: CreatorFilter): Promise<CreatorRecord[]> {
  const filters = [
    status === undefined ? sql`c.status <> 'deleted'` : sql`c.status = ${status}`,
    ...(q === undefined ? [] : [sql`strpos(lower(c.name || ' ' || c.email), lower(${q}::text)) > 0`]),
    ...(after === undefined ? [] : [sql`c.id < ${after}::uuid`]),
  ];
  return select(em, sql.join(filters, sql` and `), limit);
}

/** The totals are taken of the rows of the page only. */
async function select(em: EntityManager, where: RawBuilder<unknown>, limit: number): Promise<CreatorRecord[]> {
  const { rows } = await sql<Record<keyof CreatorRecord, string>>`
    with found as materialized (select * from creator c where ${where} order by c.id desc limit ${limit})
    select c.id, c.name, c.email, c.bio, c.avatar_url, c.currency, c.status, c.payout_schedule, c.bank_account_last4, c.account_name,
           c.followers_count as followers, c.created_at,
           coalesce(earned.total, 0)::bigint as total_earned, coalesce(paid.total, 0)::bigint as total_paid_out,
           coalesce(available.balance, 0) as balance
      from found c
      left join lateral (
        select sum(e.net - e.clawed_back_amount) as total from earning e
         where e.creator_id = c.id and e.currency = c.currency and e.status <> 'external') earned on true
      left join lateral (
        select sum(p.amount) as total from payout p
         where p.creator_id = c.id and p.currency = c.currency and p.status = 'completed') paid on true
      left join ledger_account available on available.owner_type = 'creator' and available.owner_id = c.id
        and available.kind = 'available' and available.currency = c.currency and available.book = 'main'
     order by c.id desc`.execute(em.getKysely());
  return rows.map((row) => ({
    ...(row as unknown as CreatorRecord),
    total_earned: BigInt(row.total_earned),
    total_paid_out: BigInt(row.total_paid_out),
    balance: BigInt(row.balance),
  }));
}

/** Whether it is the address of a creator, with or without a login. */
export async function isCreatorAddress(em: EntityManager, email: string): Promise<boolean> {
  const { rows } = await sql`
    select from creator where lower(email) = lower(${email}) and status <> 'deleted' limit 1`.execute(em.getKysely());
  return rows.length > 0;
}

/** Whether money of the creator is owed, reserved or on its way, or a debt of theirs is open. */
export async function hasMoney(em: EntityManager, creatorId: string): Promise<boolean> {
  const { rows } = await sql<{ any: boolean }>`
    select exists (select from ledger_account where owner_type = 'creator' and owner_id = ${creatorId} and balance <> 0)
        or exists (select from payout where creator_id = ${creatorId}
             and status in ('pending', 'approved', 'processing', 'in_transit', 'held', 'outcome_unknown')) as any
  `.execute(em.getKysely());
  return rows[0]!.any;
}

/** False where there is no such creator; following twice counts once. */
export async function follow(em: EntityManager, creatorId: string, userId: string): Promise<boolean> {
  const { rows } = await sql`
    with added as (
      insert into creator_follow (creator_id, user_id) select id, ${userId} from creator where id = ${creatorId} and status <> 'deleted'
      on conflict do nothing returning 1)
    update creator set followers_count = followers_count + (select count(*) from added)
     where id = ${creatorId} and status <> 'deleted' returning id`.execute(em.getKysely());
  return rows.length > 0;
}

/** False where there is no such creator. */
export async function unfollow(em: EntityManager, creatorId: string, userId: string): Promise<boolean> {
  const { rows } = await sql`
    with removed as (delete from creator_follow where creator_id = ${creatorId} and user_id = ${userId} returning 1)
    update creator set followers_count = followers_count - (select count(*) from removed)
     where id = ${creatorId} and status <> 'deleted' returning id`.execute(em.getKysely());
  return rows.length > 0;
}
