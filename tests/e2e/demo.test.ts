import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Report } from '../../src/local/demo/report.ts';
import { runDemo } from '../../src/local/demo.ts';
import type { Stack } from '../../src/local/stack.ts';
import { ApiClient, until } from '../support/client.ts';
import { temporaryFolder } from '../support/folders.ts';
import { startTestStack } from '../support/stack.ts';

const HEADER = 'date,channel,video_id,views,likes,comments';

/** A payout to a bank, as the provider noted it. */
interface BankPayout {
  id: string;
  amount: number;
  payoutId: string;
}

interface JournalEntry {
  effect: { type: string; id: string; amount: number } | null;
  body: { metadata?: { payout_id?: string } } | null;
}

let stack: Stack;
let admin: ApiClient;
let folder: string;

beforeAll(async () => {
  folder = temporaryFolder();
  stack = await startTestStack({
    SANDBOX_STRIPE_RATE_LIMIT: '0',
    STRIPE_RATE_LIMIT: '0',
    SANDBOX_PAYOUT_DELAY: '300ms',
  });
  const api = new ApiClient(stack.apiUrl);
  const { body } = await api.post<{ access_token: string }>('/api/v1/auth/login', stack.admin);
  admin = api.as(body.access_token);
}, 180_000);

afterAll(() => stack.stop(), 60_000);

interface Ran {
  ok: boolean;
  said: string;
  report: Report | undefined;
}

async function run(input: string | undefined, name: string, env = stack.env): Promise<Ran> {
  const { apiUrl, sandboxUrl, admin: login } = stack;
  const lines: string[] = [];
  const report = join(folder, `${name}.json`);
  const progress = (line: string): void => {
    lines.push(line);
  };
  const { ok } = await runDemo({ apiUrl, sandboxUrl, admin: login, env, input, rate: '1.50', report, progress });
  return { ok, said: lines.join('\n'), report: written(report) };
}

function written(path: string): Report | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Report) : undefined;
}

function file(name: string, ...lines: string[]): string {
  const path = join(folder, name);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

async function bankPayouts(): Promise<BankPayout[]> {
  const sandbox = new ApiClient(stack.sandboxUrl);
  const { body } = await sandbox.get<{ data: JournalEntry[] }>('/_sandbox/journal?provider=stripe');
  return body.data.flatMap(({ effect, body: sent }) =>
    effect?.type === 'payout'
      ? [{ id: effect.id, amount: effect.amount, payoutId: sent?.metadata?.payout_id ?? '' }]
      : [],
  );
}

const withoutTimes = (report: Report | undefined) => ({ ...report, stages: report?.stages.map(({ name }) => name) });

describe('the sample', () => {
  let first: Ran;

  test('is earned, held, locked and paid to the cent', async () => {
    first = await run(undefined, 'first');
    expect(first.said).not.toContain('✖');
    expect(first.ok).toBe(true);
    const { earned, paid } = totalsOfSample();
    expect(first.report).toMatchObject({
      creators: 12,
      participations: 12,
      snapshots: 73,
      rejected_rows: [],
      earned,
      held: earned,
      locked: earned,
      paid,
      payouts_completed: 11,
      skipped: { below_minimum: 1 },
      provider_total: paid,
      ledger_total: paid,
      ledger_verified: true,
    });
    expect(first.report?.creators_detail).toContainEqual({
      name: 'Quiet Trains',
      earned: 1696,
      paid: 0,
      reason: 'below_minimum',
    });
    expect(first.said).toMatch(/Paid +\$5,219\.32 in 11 payouts/);
    expect((await bankPayouts()).map(({ amount }) => amount).reduce((a, b) => a + b)).toBe(paid);
  }, 120_000);

  test('leaves the earning policy as it was and no key behind', async () => {
    const policy = await admin.get('/api/v1/admin/earning-policies/campaign');
    expect(policy.body).toMatchObject({ fee_bps: 0, hold: '14d' });
    const { body } = await admin.get<{ data: { revoked_at: string | null }[] }>('/api/v1/admin/api-keys');
    expect(body.data.map(({ revoked_at: at }) => typeof at)).toEqual(['string']);
  });

  test('reports the same again and pays nobody twice', async () => {
    const before = await bankPayouts();
    const again = await run(undefined, 'again');
    expect(again.ok).toBe(true);
    expect(withoutTimes(again.report)).toEqual(withoutTimes(first.report));
    expect(await bankPayouts()).toEqual(before);
  }, 60_000);

  test('pays again what a bank sent back, and every total is right still', async () => {
    const [payout] = await bankPayouts();
    await new ApiClient(stack.sandboxUrl).post(`/_sandbox/stripe/payouts/${payout!.id}`, { status: 'failed' });
    await until(
      () => admin.get<{ status: string }>(`/api/v1/payouts/${payout!.payoutId}`),
      ({ body }) => body.status === 'failed',
    );
    const again = await run(undefined, 'returned');
    expect(again.said).not.toContain('✖');
    expect(withoutTimes(again.report)).toEqual(withoutTimes(first.report));
    expect(await bankPayouts()).toHaveLength(12);
  }, 90_000);
});

describe('a file with faults', () => {
  test('loses its malformed rows only; a video of two channels, or of no platform, counts for each', async () => {
    const path = file(
      'faulty.csv',
      'channel,date,video_id,comments,likes,views',
      'Old Name,2024-05-01,sharedVideo,0,1,200000',
      'Old Name,2024-05-02,sharedVideo,0,1,-5',
      'New Name,2024-05-03,sharedVideo,0,1,300000',
      'New Name,2024-05-04,ownVideo_11,0,1,100000',
      'New Name,2024-05-05,ownVideo_11,0,1,90000',
      'New Name,2024-05-05,sharedVideo,0,1,310000',
      'Odd,2024-05-31,no/such id,0,1,20000',
      'Odd,2024-04-31,no/such id,0,1,30000',
      'Odd,2024-05-31,other id,0,1,5000',
      'Odd,2024-05-31,other id,0,1',
    );
    const { ok, said, report } = await run(path, 'faulty');
    expect(said).toContain('line 3 is left out: views is negative: -5');
    expect(said).not.toContain('✖');
    expect(ok).toBe(true);
    expect(report).toMatchObject({
      creators: 3,
      snapshots: 7,
      rejected_rows: [
        { line: 3, reason: 'views is negative: -5' },
        { line: 9, reason: 'date "2024-04-31" is not a date such as 2017-09-13' },
        { line: 11, reason: 'views missing' },
      ],
      earned: 95_250,
      paid: 95_250,
      creators_detail: [
        { name: 'Old Name', earned: 30_000, paid: 30_000 },
        { name: 'New Name', earned: 61_500, paid: 61_500 },
        { name: 'Odd', earned: 3750, paid: 3750 },
      ],
    });
  }, 60_000);

  test.each([
    ['has no header', ['2024-05-01,Some,aaaaaaaaaaa,1,1,1'], /✖ .*no-header.*csv has no column date, channel/],
    ['has no usable row', [HEADER, 'yesterday,Channel,aaaaaaaaaaa,1,1,1'], /✖ .*csv has no usable row/],
  ])('that %s ends in a sentence', async (_, lines, sentence) => {
    const { ok, said, report } = await run(file('no-header.csv', ...lines), 'none');
    expect(ok).toBe(false);
    expect(said).toMatch(sentence);
    expect(report).toBeUndefined();
  });
});

test('is not run against another Stripe than the sandbox', async () => {
  const { ok, said } = await run(undefined, 'stripe', { ...stack.env, STRIPE_API_BASE: undefined });
  expect(ok).toBe(true);
  expect(said).toMatch(/^The main job is not run/);
});

/** The highest count of each video, added up for each channel, at 1.50 dollars for a thousand, in cents rounded down. */
function totalsOfSample(): { earned: number; paid: number } {
  const best = new Map<string, Map<string, number>>();
  // the one name with a comma in it stands in quotes
  const text = readFileSync('demo/sample.csv', 'utf8').replaceAll('"Nadia Bakes, Daily"', 'Nadia');
  for (const line of text.trim().split('\n').slice(1)) {
    const [, channel, video, views] = line.split(',');
    const videos = best.get(channel!) ?? new Map<string, number>();
    best.set(channel!, videos.set(video!, Math.max(videos.get(video!) ?? 0, Number(views))));
  }
  const amounts = [...best.values()].map((videos) =>
    Math.floor(([...videos.values()].reduce((a, b) => a + b) * 3) / 20),
  );
  const sum = (some: number[]) => some.reduce((a, b) => a + b);
  return { earned: sum(amounts), paid: sum(amounts.filter((amount) => amount >= 2500)) };
}
