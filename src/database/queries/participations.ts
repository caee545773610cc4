import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { ParticipationStatus } from '../../domain/participations.ts';
import type { Platform } from '../../domain/post-urls.ts';
import { bestOfPost, seriesOfParticipation } from './series.ts';

export interface PostRecord {
  id: string;
  platform: Platform;
  post_id: string;
  post_url: string;
  /** The highest verified count of the metric that the campaign pays for. */
  value: number;
  /** Whether there is one. */
  verified: boolean;
}

export interface ParticipationRecord {
  id: string;
  campaign_id: string;
  creator_id: string;
  brand_id: string;
  status: ParticipationStatus;
  status_reason: string | null;
  message: string | null;
  tracking_code: string;
  destination_url: string | null;
  currency: string;
  value: string;
  /** Minor units, gross. */
  accrued: string;
  posts: PostRecord[];
  created_at: Date | string;
  updated_at: Date | string;
}

/** Which participations: one, or a page of a campaign's, newest first. */
export type ParticipationFilter =
  { id: string } | { campaignId: string; creatorId: string | null; after: string | undefined; limit: number };

export async function findParticipations(
  em: EntityManager,
  filter: ParticipationFilter,
): Promise<ParticipationRecord[]> {
  const which =
    'id' in filter
      ? sql`p.id = ${filter.id}`
      : sql`p.campaign_id = ${filter.campaignId}
            and (${filter.creatorId}::uuid is null or p.creator_id = ${filter.creatorId}::uuid)
            and (${filter.after ?? null}::uuid is null or p.id < ${filter.after ?? null}::uuid)`;
  const { rows } = await sql<ParticipationRecord>`
    select p.id, p.campaign_id, p.creator_id, c.brand_id, p.status, p.status_reason, p.message, p.tracking_code, c.destination_url,
           c.currency, p.accrued, p.created_at, p.updated_at,
           (select coalesce(sum(best), 0) from ${seriesOfParticipation} as series) as value,
           (select coalesce(jsonb_agg(jsonb_build_object(
                     'id', o.id, 'platform', o.platform, 'post_id', o.post_id, 'post_url', o.post_url,
                     'value', coalesce(counted.best, 0), 'verified', counted.best is not null) order by o.id), '[]')
              from post o cross join lateral (select ${bestOfPost} as best) counted
             where o.participation_id = p.id) as posts
      from participation p join campaign c on c.id = p.campaign_id
     where ${which}
     order by p.id desc
     limit ${'id' in filter ? 1 : filter.limit}`.execute(em.getKysely());
  return rows;
}

export type AddedPost = 'added' | 'taken' | 'closed';

/**
 * A post is claimed once on the whole platform. `taken`: somebody, maybe the same participation, holds it; `closed`: the participation
 * takes no posts in its state.
 */
export async function addPost(
  em: EntityManager,
  post: { id: string; participationId: string; platform: Platform; postId: string; postUrl: string },
): Promise<AddedPost> {
  const { rows } = await sql<{ open: boolean; added: boolean }>`
    with holder as (
      select id from participation where id = ${post.participationId} and status in ('approved', 'active') for share
    ), added as (
      insert into post (id, participation_id, platform, post_id, post_url)
      select ${post.id}::uuid, id, ${post.platform}, ${post.postId}, ${post.postUrl} from holder
      on conflict do nothing
      returning id
    )
    select exists (select from holder) as open, exists (select from added) as added`.execute(em.getKysely());
  const row = rows[0]!;
  if (row.added) return 'added';
  return row.open ? 'taken' : 'closed';
}
