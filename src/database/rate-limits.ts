import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';

export interface Hits {
  hits: number;
  /** Until the window ends. */
  resetsInSeconds: number;
}

/** Counts one more under `key` in its current window of `seconds`, for all processes together. */
export async function countHit(em: EntityManager, key: string, seconds: number): Promise<Hits> {
  const { rows } = await sql<Hits>`/* prepared: count_hit */
    insert into rate_limit as r (key, hits, resets_at) values (${key}, 1, now() + make_interval(secs => ${seconds}))
    on conflict (key) do update set
      hits = case when r.resets_at <= now() then 1 else r.hits + 1 end,
      resets_at = case when r.resets_at <= now() then excluded.resets_at else r.resets_at end
    returning hits, ceil(extract(epoch from resets_at - now()))::int as "resetsInSeconds"`.execute(em.getKysely());
  return rows[0]!;
}
