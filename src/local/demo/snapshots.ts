import type { ApiClient } from './http.ts';
import { DemoError } from './errors.ts';
import type { DayCount } from './input.ts';
import { postUrl, type Participation } from './participations.ts';

const BATCH = 1000;

interface Snapshot {
  post_url?: string;
  participation_id?: string;
  metric: 'views';
  value: number;
  observed_at: string;
}

interface Ingested {
  accepted: number;
  duplicates: number;
  rejected: { index: number; code: string }[];
}

/** Reports the counts day by day, as they came in. Returns how many snapshots were reported. @throws DemoError for a refused one */
export async function ingest(
  service: ApiClient,
  rows: DayCount[],
  participations: ReadonlyMap<string, Participation>,
  say: (state: string) => void,
): Promise<number> {
  let sent = 0;
  for (const day of byDay(rows, participations)) {
    for (let from = 0; from < day.length; from += BATCH) {
      const batch = day.slice(from, from + BATCH);
      const { rejected } = await service.post<Ingested>('/api/v1/metrics', {
        snapshots: batch.map(({ snapshot }) => snapshot),
      });
      const first = rejected[0];
      if (first) throw new DemoError(`The count in line ${batch[first.index]!.line} was refused: ${first.code}.`);
      sent += batch.length;
      say(`${sent} of ${rows.length}`);
    }
  }
  return sent;
}

/** The snapshots of each day, in the order of the days. */
function byDay(
  rows: DayCount[],
  participations: ReadonlyMap<string, Participation>,
): { line: number; snapshot: Snapshot }[][] {
  const sorted = rows.toSorted((a, b) => (a.date < b.date ? -1 : a.date > b.date ? 1 : a.line - b.line));
  const remainders = new Map<string, Remainder>();
  const days = new Map<string, { line: number; snapshot: Snapshot }[]>();
  for (const row of sorted) {
    const { date, channel, videoId, views, line } = row;
    const participation = participations.get(channel)!;
    const common = { metric: 'views', observed_at: `${date}T00:00:00Z` } as const;
    const snapshots = days.get(date) ?? [];
    days.set(date, snapshots);
    if (participation.posts.has(videoId)) {
      snapshots.push({ line, snapshot: { ...common, post_url: postUrl(videoId), value: views } });
      continue;
    }
    const remainder = remainders.get(channel) ?? new Remainder();
    remainders.set(channel, remainder);
    const value = remainder.add(videoId, views);
    snapshots.push({ line, snapshot: { ...common, participation_id: participation.id, value } });
  }
  return [...days.values()];
}

/** The videos of a participation that are no posts of it make one series: the sum of their highest counts so far. */
class Remainder {
  readonly #best = new Map<string, number>();
  #sum = 0;

  add(videoId: string, views: number): number {
    const before = this.#best.get(videoId) ?? 0;
    if (views > before) {
      this.#best.set(videoId, views);
      this.#sum += views - before;
    }
    return this.#sum;
  }
}
