import { sql, type RawBuilder } from 'kysely';

/** The highest verified count of one series of the participation `p` in the campaign `c`, by an index, without reading its history. */
function bestCount(ofSeries: RawBuilder<unknown>): RawBuilder<string | null> {
  return sql`(
    select max(m.value) from metric_snapshot m
     where m.participation_id = p.id and ${ofSeries} and m.metric = c.metric and m.observed_at between c.starts_at and c.ends_at)`;
}

/** Of the post `o`. */
export const bestOfPost = bestCount(sql`m.post_id = o.id`);

/**
 * Every series of the participation `p` in the campaign `c`: each post and what is reported for the whole. A lateral subquery with the
 * columns `platform` (null for the whole) and `best` (null before the first count).
 */
export const seriesOfParticipation = sql`(
  select o.platform, ${bestOfPost} as best from post o where o.participation_id = p.id
  union all
  select null, ${bestCount(sql`m.post_id is null`)})`;
