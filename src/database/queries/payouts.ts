import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { PayoutStatus } from '../../domain/payouts.ts';

export interface PayoutRecord {
  id: string;
  creator_id: string;
  run_id: string | null;
  status: PayoutStatus;
  amount: bigint;
  currency: string;
  method: string;
  reference_id: string | null;
  attempt: number;
  failure_code: string | null;
  failure_reason: string | null;
  created_at: string;
  completed_at: string | null;
}

export interface PayoutDetails extends PayoutRecord {
  own_run: boolean;
  run: { schedule: string; period: string; sequence: number } | null;
  line_items: {
    source_type: string;
    source_id: string | null;
    description: string;
    gross: number;
    fee: number;
    net: number;
  }[];
  events: { status: string; detail: string | null; at: string }[];
  attempts: PayoutAttempt[];
}

/** One step of one attempt at the provider, for operators. */
export interface PayoutAttempt {
  attempt: number;
  step: string;
  status: string;
  provider_id: string | null;
  code: string | null;
  message: string | null;
  request_id: string | null;
  tries: number;
  started_at: string;
  finished_at: string | null;
}

const COLUMNS = sql`p.id, p.creator_id, p.run_id, p.status, p.amount, p.currency, p.method, p.reference_id, p.attempt,
  p.failure_code, p.failure_reason, p.created_at, p.completed_at`;

/** A creator's payouts, newest first; `after` is the id of the last one of the page before. */
export async function listPayouts(
  em: EntityManager,
  { creatorId, after, limit }: { creatorId: string; after: string | undefined; limit: number },
): Promise<PayoutRecord[]> {
  const { rows } = await sql<Raw<PayoutRecord>>`
    select ${COLUMNS} from payout p
     where p.creator_id = ${creatorId} and (${after ?? null}::uuid is null or p.id < ${after ?? null}::uuid)
     order by p.id desc limit ${limit}`.execute(em.getKysely());
  return rows.map(exact);
}

/** With what it pays for, what happened to it and every call to a provider; in one round trip. */
export async function findPayout(em: EntityManager, id: string): Promise<PayoutDetails | undefined> {
  const { rows } = await sql<Raw<PayoutDetails>>`
    select ${COLUMNS}, p.own_run,
           (select to_jsonb(x) from (select r.schedule, r.period, r.sequence from payout_run r where r.id = p.run_id) x) as run,
           coalesce((select jsonb_agg(to_jsonb(x)) from (
             select source_type, source_id, description, gross, fee, net from payout_line_item
              where payout_id = p.id and (released_at is null or p.status in ('failed', 'canceled', 'reversed'))
                and created_for = p.attempt order by id) x), '[]') as line_items,
           coalesce((select jsonb_agg(to_jsonb(x)) from (
             select status, detail, at from payout_event where payout_id = p.id order by at, id) x), '[]') as events,
           coalesce((select jsonb_agg(to_jsonb(x)) from (
             select attempt, step, status, provider_id, code, message, request_id, tries, started_at, finished_at
               from payout_attempt where payout_id = p.id order by attempt, started_at) x), '[]') as attempts
      from payout p where p.id = ${id}`.execute(em.getKysely());
  return rows[0] && exact(rows[0]);
}

/** As PostgreSQL sends it: an int8 is text. */
type Raw<Row> = Omit<Row, 'amount'> & { amount: string };

const exact = <Row extends { amount: string }>(row: Row) => ({ ...row, amount: BigInt(row.amount) });
