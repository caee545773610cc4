import pLimit from 'p-limit';
import { unlessRefused } from './access.ts';
import type { Campaign } from './campaign.ts';
import type { Creator } from './creators.ts';

const AT_ONCE = 16;
/** What a creator may send in an hour leaves room for so many posts. */
const MOST_POSTS = 200;

export interface ParticipationView {
  id: string;
  creator_id: string;
  status: string;
  /** Minor units, gross. */
  earned: number;
  posts: { post_id: string }[];
}

export interface Participation {
  id: string;
  creator: Creator;
  /** The videos that are posts of it. Counts of its others are reported for the participation as a whole. */
  posts: Set<string>;
}

export async function participationsOf({ id, brand }: Campaign): Promise<Map<string, ParticipationView>> {
  const views = await brand.api.list<ParticipationView>(`/api/v1/campaigns/${id}/participations`);
  return new Map(views.map((view) => [view.creator_id, view]));
}

/** Every creator applies, starts, and names the videos, as far as an earlier run has not. */
export async function joinCampaign(
  campaign: Campaign,
  creators: Creator[],
  say: (state: string) => void,
): Promise<Map<string, Participation>> {
  const joined = await participationsOf(campaign);
  const limit = pLimit(AT_ONCE);
  const claims = claimedVideos(creators);
  let done = 0;
  const participations = await Promise.all(
    creators.map((creator) =>
      limit(async () => {
        const participation = await join(campaign, creator, joined.get(creator.id), claims.get(creator.id) ?? []);
        done += 1;
        say(`${done} of ${creators.length}`);
        return participation;
      }),
    ),
  );
  return new Map(participations.map((participation) => [participation.creator.channel.name, participation]));
}

/** A post belongs to one participation. A video that two channels have, such as one that was renamed, is a post of the first. */
function claimedVideos(creators: Creator[]): Map<string, string[]> {
  const taken = new Set<string>();
  return new Map(
    creators.map(({ id, channel }) => {
      const free = [...channel.best.keys()].filter((video) => !taken.has(video)).slice(0, MOST_POSTS);
      for (const video of free) taken.add(video);
      return [id, free];
    }),
  );
}

async function join(
  campaign: Campaign,
  creator: Creator,
  joined: ParticipationView | undefined,
  videos: string[],
): Promise<Participation> {
  const { api } = creator;
  const view = joined ?? (await api.post<ParticipationView>(`/api/v1/campaigns/${campaign.id}/applications`, {}));
  const path = `/api/v1/participations/${view.id}`;
  if (view.status === 'approved') await api.post(`${path}/activate`);
  const posts = new Set(view.posts.map(({ post_id: video }) => video));
  for (const video of videos) {
    if (!posts.has(video) && (await addPost(creator, path, video))) posts.add(video);
  }
  return { id: view.id, creator, posts };
}

/** False where the video is a post of another participation, or no address of a video can be made of its id. */
async function addPost({ api }: Creator, path: string, video: string): Promise<boolean> {
  const add = async () => {
    await api.post(`${path}/evidence`, { post_url: postUrl(video) });
    return true;
  };
  // the answer to an earlier try may have been lost
  const isOurs = async () => {
    const { posts } = await api.get<ParticipationView>(path);
    return posts.some(({ post_id: id }) => id === video);
  };
  return unlessRefused(
    () => unlessRefused(add, 'conflict', isOurs),
    'validation_failed',
    () => Promise.resolve(false),
  );
}

export function postUrl(videoId: string): string {
  return `https://www.youtube.com/watch?v=${encodeURIComponent(videoId)}`;
}
