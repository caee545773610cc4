import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';

/** Removes what has expired: sessions, answers kept for idempotency keys, counters of rate limits. */
export async function deleteExpired(em: EntityManager): Promise<void> {
  await sql`
    with sessions as (delete from user_session where expires_at < now()),
         answers as (delete from idempotency_record where expires_at < now())
    delete from rate_limit where resets_at < now()`.execute(em.getKysely());
}
