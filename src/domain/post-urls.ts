/** Which post a link means: each platform has many forms of address for the same one. */
export const platforms = ['youtube', 'tiktok', 'instagram', 'x'] as const;
export type Platform = (typeof platforms)[number];

/** A post as its platform names it, for ever. */
export interface PostRef {
  platform: Platform;
  postId: string;
}

/** How a platform writes addresses of posts. */
interface PostAddresses {
  platform: Platform;
  hosts: RegExp;
  /** Matched against the path; the first group is the id. */
  paths: RegExp[];
  /** Where the id stands in the query, for these paths. */
  query?: { paths: RegExp; name: string };
  id: RegExp;
}

const addresses: PostAddresses[] = [
  {
    platform: 'youtube',
    hosts: /^(?:(?:www|m|music|gaming)\.)?youtube\.com$|^(?:www\.)?youtube-nocookie\.com$/,
    paths: [/^\/(?:shorts|live|embed|v|e|watch)\/(?!videoseries|live_stream)([^/]+)/],
    query: { paths: /^\/(?:watch|watch_popup)$/, name: 'v' },
    id: /^[\w-]{5,64}$/,
  },
  {
    platform: 'youtube',
    hosts: /^(?:www\.)?youtu\.be$/,
    paths: [/^\/(?:shorts\/|live\/)?([^/]+)/],
    id: /^[\w-]{5,64}$/,
  },
  {
    platform: 'tiktok',
    hosts: /^(?:(?:www|m)\.)?tiktok\.com$/,
    paths: [
      /^\/@[^/]*\/(?:video|photo)\/(\d+)/,
      /^\/(?:embed(?:\/v[23])?|player\/v1|share\/video|v|video)\/(\d+)(?:\.html)?(?:\/|$)/,
    ],
    id: /^[1-9]\d{4,19}$/,
  },
  {
    platform: 'instagram',
    hosts: /^(?:(?:www|m)\.)?instagram\.com$|^(?:www\.)?instagr\.am$/,
    paths: [/^\/(?:(?!share\/)[\w.]+\/)?(?:p|reels?|tv)\/([^/]+)/],
    id: /^[\w-]{5,64}$/,
  },
  {
    platform: 'x',
    hosts: /^(?:(?:www|m|mobile)\.)?(?:x|twitter)\.com$/,
    paths: [/^\/(?:i\/web|i|\w{1,15})\/status(?:es)?\/(\d+)/],
    id: /^[1-9]\d{0,19}$/,
  },
];

const canonical: Record<Platform, (id: string) => string> = {
  youtube: (id) => `https://www.youtube.com/watch?v=${id}`,
  tiktok: (id) => `https://www.tiktok.com/@/video/${id}`,
  instagram: (id) => `https://www.instagram.com/p/${id}/`,
  x: (id) => `https://x.com/i/status/${id}`,
};

/**
 * The post that an address means, whatever form of it; undefined where it is none of a post. Short links that only their platform can
 * follow (`vm.tiktok.com`, `t.co`, Instagram's `/share/`) are none.
 */
export function parsePostUrl(text: string): PostRef | undefined {
  const trimmed = text.trim();
  const url = URL.parse(/^[a-z][a-z\d+.-]*:\/\//i.test(trimmed) ? trimmed : `https://${trimmed}`);
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.port !== '') return undefined;
  for (const { platform, hosts, paths, query, id } of addresses) {
    if (!hosts.test(url.hostname)) continue;
    const path = url.pathname.replace(/(?!^)\/+$/, '');
    const fromPath = paths.map((pattern) => pattern.exec(path)?.[1]).find((found) => found !== undefined);
    const fromQuery = query?.paths.test(path) ? (url.searchParams.get(query.name) ?? undefined) : undefined;
    const postId = fromQuery ?? fromPath;
    if (postId !== undefined && id.test(postId)) return { platform, postId };
  }
  return undefined;
}

/** An address at which the post can be seen. */
export function postUrl({ platform, postId }: PostRef): string {
  return canonical[platform](postId);
}
