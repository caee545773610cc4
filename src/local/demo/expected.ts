/** What a file is worth, computed from the file alone: what the product's answer is held against. */
import { DemoError } from './errors.ts';
import type { DayCount } from './input.ts';

/** A channel with the highest count of each of its videos, in the order in which they first appear. */
export interface Channel {
  name: string;
  best: Map<string, number>;
}

/** By name, in the order in which they first appear. */
export function channelsOf(rows: DayCount[]): Map<string, Channel> {
  const channels = new Map<string, Channel>();
  for (const { channel: name, videoId, views } of rows) {
    const channel = channels.get(name) ?? { name, best: new Map<string, number>() };
    channels.set(name, channel);
    channel.best.set(videoId, Math.max(views, channel.best.get(videoId) ?? 0));
  }
  return channels;
}

/** Minor units that a channel earns: the sum of its videos' highest counts at the rate, rounded down once. */
export function expectedEarnings({ best }: Channel, ratePerThousand: bigint): bigint {
  const views = [...best.values()].reduce((sum, count) => sum + BigInt(count), 0n);
  return (views * ratePerThousand) / 1000n;
}

/** Cents for a thousand views of a rate in dollars such as `1.50`. @throws DemoError for zero or a part of a cent */
export function parseRate(dollars: string): bigint {
  const [, whole, cents = ''] = /^(\d+)(?:\.(\d{1,2})0*)?$/.exec(dollars) ?? [];
  const rate = whole === undefined ? 0n : BigInt(whole) * 100n + BigInt(cents.padEnd(2, '0'));
  if (rate > 0n) return rate;
  throw new DemoError(`The rate must be whole cents, at least 0.01 dollars for a thousand views, not "${dollars}".`);
}
