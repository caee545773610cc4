import { Agent, request as httpRequest } from 'node:http';
import { once } from 'node:events';
import pg from 'pg';
import { openOrm } from '../src/database/orm.ts';
import { insertApiKey } from '../src/database/api-keys.ts';
import { postUrl } from '../src/domain/post-urls.ts';
import { perSecond, type Section } from './findings.ts';
import { asOwner, urlsOf } from './installation.ts';
import type { Stack } from '../src/local/stack.ts';
import { compare, rateOf, type Contender } from './rounds.ts';

const CONNECTIONS = 4;
const ROWS = 1000;
const PARTICIPATIONS = 200;
const POSTS_EACH = 5;

interface Post {
  participationId: string;
  postId: string;
  url: string;
}

/** Counts of posts reported through the HTTP API, as a service does, against writing the same rows. */
export async function benchIngest(stack: Stack): Promise<Section> {
  const posts = await asOwner(stack, seed);
  const key = await apiKey(stack);
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const pool = new pg.Pool({ connectionString: urlsOf(stack).app, max: CONNECTIONS });
  try {
    const result = await compare(
      {
        http: reporting(stack.apiUrl, key, agent, posts),
        unnest: insertingArrays(pool, posts),
        values: insertingValues(pool, posts),
      },
      { rounds: 7, seconds: 2 },
    );
    const faster = result.median('unnest') >= result.median('values') ? 'unnest' : 'values';
    return {
      title: 'Metric ingestion',
      findings: [
        {
          what: `POST /api/v1/metrics, ${ROWS} snapshots a request, ${CONNECTIONS} connections, against multi-row INSERT of the same rows on ${CONNECTIONS} connections`,
          value: result.ratio('http', faster),
          target: { atLeast: 0.4 },
          from: `${perSecond(result.median('http'))} of ${perSecond(result.median(faster))} snapshots`,
        },
      ],
      notes: [
        `A snapshot is a view count of one of ${PARTICIPATIONS * POSTS_EACH} posts of ${PARTICIPATIONS} participations, named by its URL, with an API key: parsed, validated, matched to its post, checked against duplicates and the participation's state, and noted for the next accrual. The API is a process of its own, the client is the benchmark; no worker runs. 7 rounds of 2 s; writing the JSON of the requests is the client's work and in the time.`,
        `The baseline inserts rows with the same columns into a copy of \`metric_snapshot\` with the same unique index, ${ROWS} rows a statement, each its own transaction, prepared, over a bare \`pg\` pool of ${CONNECTIONS}, either from arrays with unnest() or as multi-row VALUES; the faster one counts (here ${faster}: ${perSecond(result.median('unnest'))} with unnest, ${perSecond(result.median('values'))} with VALUES). It is given the ids of posts and participations.`,
      ],
    };
  } finally {
    agent.destroy();
    await pool.end();
  }
}

async function seed(client: pg.Client): Promise<Post[]> {
  await client.query(`create table bench_snapshot (like metric_snapshot including defaults including indexes)`);
  const { rows } = await client.query<{ participation_id: string; post_id: string; name: string }>(
    `with brand as (
      insert into app_user (email, password_hash, full_name, roles, tier)
      values ('brand@bench.example', 'cannot sign in', 'Brand', array['brand'], 'business') returning id
    ), campaign as (
      insert into campaign (brand_id, title, brief, currency, budget, rate_per_thousand, metric, platforms, slots, starts_at, ends_at, status, funded)
      select id, 'Bench', 'Bench', 'USD', 1000000000, 150, 'views', array['youtube'], $1, now() - interval '1 day', now() + interval '1 day',
             'published', 1000000000 from brand
      returning id
    ), creators as (
      insert into creator (name, email) select 'Creator ' || n, 'creator' || n || '@bench.example' from generate_series(1, $1) n returning id
    ), participations as (
      insert into participation (id, campaign_id, creator_id, status, tracking_code)
      select uuidv7(), campaign.id, creators.id, 'active', creators.id::text from campaign, creators returning id
    )
    insert into post (participation_id, platform, post_id, post_url)
    select p.id, 'youtube', substr(md5(p.id::text || n), 1, 11), 'https://www.youtube.com/watch?v=' || substr(md5(p.id::text || n), 1, 11)
      from participations p, generate_series(1, $2) n
    returning participation_id, id as post_id, post_id as name`,
    [PARTICIPATIONS, POSTS_EACH],
  );
  return rows.map(({ participation_id, post_id, name }) => ({
    participationId: participation_id,
    postId: post_id,
    url: postUrl({ platform: 'youtube', postId: name }),
  }));
}

async function apiKey(stack: Stack): Promise<string> {
  const orm = await openOrm(urlsOf(stack).app, 1);
  try {
    const scopes = ['metrics:write'] as const;
    const { key } = await insertApiKey(orm.em.fork(), { name: 'bench', scopes: [...scopes], createdBy: 'bench' });
    return key;
  } finally {
    await orm.close(true);
  }
}

let value = 0;

/** Counts that only ever grow, so that none is a duplicate. */
function batch(posts: Post[]): { post: Post; value: number; observedAt: string }[] {
  const observedAt = new Date().toISOString();
  return Array.from({ length: ROWS }, (_, i) => {
    value += 1;
    return { post: posts[(value + i) % posts.length]!, value, observedAt };
  });
}

function reporting(apiUrl: string, key: string, agent: Agent, posts: Post[]): Contender {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
  return (seconds) =>
    rateOf(seconds, CONNECTIONS, async () => {
      const snapshots = batch(posts).map(({ post, value, observedAt }) => ({
        post_url: post.url,
        metric: 'views',
        value,
        observed_at: observedAt,
      }));
      const request = httpRequest(`${apiUrl}/api/v1/metrics`, { method: 'POST', headers, agent });
      request.end(JSON.stringify({ snapshots }));
      const [response] = (await once(request, 'response')) as [AsyncIterable<Buffer> & { statusCode: number }];
      const parts = [];
      for await (const part of response) parts.push(part);
      const text = Buffer.concat(parts).toString();
      const { accepted } = JSON.parse(text) as { accepted?: number };
      if (response.statusCode !== 202 || accepted !== ROWS) throw new Error(`${response.statusCode} ${text}`);
      return ROWS;
    });
}

const COLUMNS = 'participation_id, post_id, metric, value, observed_at, source';

function rowsOf(posts: Post[]): unknown[][] {
  return batch(posts).map(({ post, value, observedAt }) => [
    post.participationId,
    post.postId,
    'views',
    value,
    observedAt,
    'bench',
  ]);
}

function insertingArrays(pool: pg.Pool, posts: Post[]): Contender {
  const text = `insert into bench_snapshot (${COLUMNS})
    select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::timestamptz[], $6::text[])`;
  return (seconds) =>
    rateOf(seconds, CONNECTIONS, async () => {
      const rows = rowsOf(posts);
      const values = rows[0]!.map((_, column) => rows.map((row) => row[column]));
      await pool.query({ name: 'bench_arrays', text, values });
      return ROWS;
    });
}

function insertingValues(pool: pg.Pool, posts: Post[]): Contender {
  const row = (start: number) => `(${Array.from({ length: 6 }, (_, i) => `$${start + i + 1}`).join(', ')})`;
  const tuples = Array.from({ length: ROWS }, (_, i) => row(i * 6)).join(', ');
  const text = `insert into bench_snapshot (${COLUMNS}) values ${tuples}`;
  return (seconds) =>
    rateOf(seconds, CONNECTIONS, async () => {
      await pool.query({ name: 'bench_values', text, values: rowsOf(posts).flat() });
      return ROWS;
    });
}
