/** Everything that the sandbox does later, in one heap behind one timer: thousands of pending payouts cost one timeout. */
interface Entry {
  at: number;
  order: number;
  run: () => void;
}

/** Due work done in one go before other requests get their turn. */
const SLICE = 200;
const LONGEST_TIMEOUT_MS = 3_600_000;

export class Scheduler {
  readonly #heap: Entry[] = [];
  #order = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** Runs `run` at `at` (ms since the epoch), or as soon as possible when that has passed. */
  at(at: number, run: () => void): void {
    if (this.#closed) return;
    this.#order += 1;
    push(this.#heap, { at, order: this.#order, run });
    if (this.#heap[0]?.order === this.#order) this.#arm();
  }

  /** Never resolves after {@link close}. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.at(Date.now() + ms, resolve);
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#heap.length = 0;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const next = this.#heap[0];
    if (!next || this.#closed) return;
    const wait = Math.min(Math.max(next.at - Date.now(), 0), LONGEST_TIMEOUT_MS);
    this.#timer = setTimeout(() => {
      this.#runDue();
    }, wait);
  }

  #runDue(): void {
    const now = Date.now();
    for (let done = 0; done < SLICE && (this.#heap[0]?.at ?? Infinity) <= now; done += 1) pop(this.#heap)?.run();
    this.#arm();
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Entry[], entry: Entry): void {
  let index = heap.push(entry) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (!before(entry, heap[parent]!)) break;
    heap[index] = heap[parent]!;
    index = parent;
  }
  heap[index] = entry;
}

function pop(heap: Entry[]): Entry | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (!first || !last || heap.length === 0) return first;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
    if (!before(heap[child]!, last)) break;
    heap[index] = heap[child]!;
    index = child;
  }
  heap[index] = last;
  return first;
}
