/** Does its work for about the seconds given and answers with its rate per second. */
export type Contender = (seconds: number) => Promise<number>;

export interface Comparison<Name extends string> {
  /** Per second, one of each round. */
  rates: Record<Name, number[]>;
  /** The median, over the rounds, of one contender's rate by another's in the same round. */
  ratio: (of: Name, by: Name) => number;
  median: (of: Name) => number;
}

/**
 * Runs the contenders one after the other, round by round and each round in another order, so that whatever else the machine does
 * meets all of them. A first, shorter round warms up and does not count.
 */
export async function compare<Name extends string>(
  contenders: Record<Name, Contender>,
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<Comparison<Name>> {
  const names = Object.keys(contenders) as Name[];
  const rates = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (const name of names) await contenders[name](seconds / 2);
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(round + turn) % names.length]!;
      rates[name].push(await contenders[name](seconds));
    }
  }
  return {
    rates,
    ratio: (of, by) => median(rates[of].map((rate, round) => rate / rates[by][round]!)),
    median: (of) => median(rates[of]),
  };
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Calls `work` again and again, `atOnce` calls at any time. Each call answers with how many units it did. */
export async function rateOf(seconds: number, atOnce: number, work: () => Promise<number>): Promise<number> {
  const startedAt = performance.now();
  const until = startedAt + seconds * 1000;
  let done = 0;
  const lane = async () => {
    while (performance.now() < until) done += await work();
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return (done * 1000) / (performance.now() - startedAt);
}
