import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';

export interface IdempotentRequest {
  /** Who asks; keys of different callers never meet. */
  principal: string;
  key: string;
  method: string;
  path: string;
  bodyHash: Buffer;
}

export interface StoredResponse {
  status: number;
  type: string | null;
  body: string | null;
}

/**
 * What to do with a request that carries a key: carry it out under `id` (the same id each time it has to be carried out again), replay
 * what was answered, wait for the one that is being carried out, or refuse it because the key stands for another request.
 */
export type Claim =
  | { outcome: 'proceed'; id: string }
  | { outcome: 'replay'; response: StoredResponse }
  | { outcome: 'running' }
  | { outcome: 'reused' };

/** Kept a day longer than any client retries. */
const KEPT = '48 hours';
/** After that the one who held it is taken for dead. */
const LOCKED = '60 seconds';

/** Of several at once exactly one may proceed: the row's lock decides, in one statement. */
export async function claim(em: EntityManager, request: IdempotentRequest): Promise<Claim> {
  const { principal, key, method, path, bodyHash } = request;
  const mine = await sql<{ id: string }>`
    insert into idempotency_record as r (principal, key, method, path, body_hash, locked_until, expires_at)
    values (${principal}, ${key}, ${method}, ${path}, ${bodyHash}, now() + ${LOCKED}::interval, now() + ${KEPT}::interval)
    on conflict (principal, key) do update set
      id = case when r.expires_at < now() then excluded.id else r.id end,
      method = excluded.method, path = excluded.path, body_hash = excluded.body_hash,
      locked_until = excluded.locked_until, expires_at = excluded.expires_at,
      response_status = null, response_type = null, response_body = null
    where r.expires_at < now()
       or (r.response_status is null and r.locked_until < now()
           and r.method = excluded.method and r.path = excluded.path and r.body_hash = excluded.body_hash)
    returning r.id`.execute(em.getKysely());
  if (mine.rows[0]) return { outcome: 'proceed', id: mine.rows[0].id };
  return standing(em, request);
}

interface StandingRow {
  same: boolean;
  status: number | null;
  type: string | null;
  body: string | null;
}

async function standing(em: EntityManager, request: IdempotentRequest): Promise<Claim> {
  const { principal, key, method, path, bodyHash } = request;
  const { rows } = await sql<StandingRow>`
    select method = ${method} and path = ${path} and body_hash = ${bodyHash} as same,
           response_status as status, response_type as type, response_body as body
      from idempotency_record where principal = ${principal} and key = ${key}`.execute(em.getKysely());
  const row = rows[0];
  if (!row) return { outcome: 'running' };
  if (!row.same) return { outcome: 'reused' };
  if (row.status === null) return { outcome: 'running' };
  return { outcome: 'replay', response: { status: row.status, type: row.type, body: row.body } };
}

/** Keeps the answer for those who ask again. */
export async function settle(em: EntityManager, request: IdempotentRequest, response: StoredResponse): Promise<void> {
  await sql`
    update idempotency_record
       set response_status = ${response.status}, response_type = ${response.type}, response_body = ${response.body}
     where principal = ${request.principal} and key = ${request.key}`.execute(em.getKysely());
}

/** Nothing is known of how it ended: the next one may carry it out again, under the same id. */
export async function release(em: EntityManager, request: IdempotentRequest): Promise<void> {
  await sql`
    update idempotency_record set locked_until = now() - interval '1 second'
     where principal = ${request.principal} and key = ${request.key} and response_status is null`.execute(
    em.getKysely(),
  );
}
