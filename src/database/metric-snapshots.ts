import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { parsePostUrl } from '../domain/post-urls.ts';
import type { Metric } from '../domain/accrual.ts';
import { openStatuses } from '../domain/participations.ts';
import type { ProblemCode } from '../domain/problems.ts';

/** A cumulative count of a post, or of a participation as a whole. */
export interface Snapshot {
  participation_id?: string;
  post_url?: string;
  metric: Metric;
  value: number;
  /** ISO 8601. */
  observed_at: string;
}

export interface Ingested {
  accepted: number;
  duplicates: number;
  /** By their place in what was given, from 0. */
  rejected: { index: number; code: ProblemCode }[];
}

/** Clocks differ by a little; what claims to be seen later than that was not seen. */
const CLOCK_SKEW = sql`interval '5 minutes'`;

/**
 * Appends what is new in one statement, and leaves word of it for the next accrual. The same count of the same subject at the same
 * instant is kept once, ever.
 *
 * Rejected: `not_found` for an unknown participation or post, `invalid_state` for a participation that does not take counts,
 * `validation_failed` for what was not observed yet.
 */
export async function ingestSnapshots(em: EntityManager, snapshots: Snapshot[], source: string): Promise<Ingested> {
  const count = snapshots.length;
  const participations = new Array<string | null>(count).fill(null);
  const platforms = new Array<string | null>(count).fill(null);
  const posts = new Array<string | null>(count).fill(null);
  const metrics = new Array<string>(count);
  const values = new Array<number>(count);
  const instants = new Array<string>(count);
  for (let i = 0; i < count; i += 1) {
    const snapshot = snapshots[i]!;
    metrics[i] = snapshot.metric;
    values[i] = snapshot.value;
    instants[i] = snapshot.observed_at;
    if (snapshot.participation_id !== undefined) {
      participations[i] = snapshot.participation_id;
    } else if (snapshot.post_url !== undefined) {
      const post = parsePostUrl(snapshot.post_url);
      platforms[i] = post?.platform ?? null;
      posts[i] = post?.postId ?? null;
    }
  }
  const { rows } = await sql<{
    accepted: string;
    rejected: Ingested['rejected'] | null;
  }>`/* prepared: ingest_snapshots */
    with given as (
      select g.ordinal - 1 as index, g.metric, g.value, g.observed_at, o.id as post_id,
             coalesce(g.participation_id, o.participation_id) as participation_id
        from unnest(${participations}::uuid[], ${platforms}::text[], ${posts}::text[], ${metrics}::text[], ${values}::bigint[],
                    ${instants}::timestamptz[])
             with ordinality as g (participation_id, platform, platform_post_id, metric, value, observed_at, ordinal)
        left join post o on o.platform = g.platform and o.post_id = g.platform_post_id
    ), judged as materialized (
      select given.*,
             case when p.id is null then 'not_found'
                  when p.status <> all (${[...openStatuses]}::text[]) then 'invalid_state'
                  when given.observed_at > now() + ${CLOCK_SKEW} then 'validation_failed' end as code
        from given left join participation p on p.id = given.participation_id
    ), added as (
      insert into metric_snapshot (participation_id, post_id, metric, value, observed_at, source)
      select participation_id, post_id, metric, value, observed_at, ${source} from judged where code is null
       order by participation_id, post_id, metric, value, observed_at
      on conflict do nothing
      returning participation_id
    ), left_word as (
      insert into metric_batch (participation_ids) select array_agg(distinct participation_id) from added having count(*) > 0
    )
    select (select count(*) from added) as accepted,
           (select jsonb_agg(jsonb_build_object('index', index, 'code', code) order by index) from judged where code is not null) as rejected
  `.execute(em.getKysely());
  const accepted = Number(rows[0]!.accepted);
  const rejected = rows[0]!.rejected ?? [];
  return { accepted, duplicates: count - accepted - rejected.length, rejected };
}
