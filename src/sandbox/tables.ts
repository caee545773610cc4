/** Indexed records in memory, kept by the {@link ChangeLog}. Values are replaced, never edited in place. */
import type { ChangeLog, Restorable } from './change-log.ts';

/** Records by id that come and go. */
export class Table<T extends { id: string }> implements Restorable {
  readonly #values = new Map<string, T>();
  readonly #record: (change: unknown) => void;
  readonly #keep: (value: T) => boolean;

  /** `keep` says at boot what has not expired. */
  constructor(log: ChangeLog, name: string, keep: (value: T) => boolean = () => true) {
    this.#record = log.register(name, this);
    this.#keep = keep;
  }

  get(id: string): T | undefined {
    return this.#values.get(id);
  }

  put(value: T): void {
    this.#values.set(value.id, value);
    this.#record(value);
  }

  delete(id: string): boolean {
    if (!this.#values.delete(id)) return false;
    this.#record({ id, gone: true });
    return true;
  }

  clear(): void {
    for (const id of [...this.#values.keys()]) this.delete(id);
  }

  values(): IterableIterator<T> {
    return this.#values.values();
  }

  restore(change: unknown): void {
    const value = change as T & { gone?: true };
    if (value.gone === true) this.#values.delete(value.id);
    else this.#values.set(value.id, value);
  }

  snapshot(): Iterable<unknown> {
    for (const value of this.#values.values()) if (!this.#keep(value)) this.#values.delete(value.id);
    return this.#values.values();
  }
}

/** One record of a collection: `position` grows in order of creation, `account` is whose it is (`''`: the platform). */
export interface Row<T> {
  readonly position: number;
  readonly account: string;
  value: T;
}

type KeyOf<T> = (value: T, account: string) => string | null | undefined;

const NOTHING: readonly never[] = [];

/** Records by id that stay, in order of creation, with lists by keys that never change after the first `put`. */
export class Collection<T extends { id: string }, K extends string = never> implements Restorable {
  readonly #rows = new Map<string, Row<T>>();
  readonly #ordered: Row<T>[] = [];
  readonly #indexes: { name: K; key: KeyOf<T>; lists: Map<string, Row<T>[]> }[];
  readonly #record: (change: unknown) => void;
  readonly #keep: (value: T) => boolean;

  constructor(log: ChangeLog, name: string, keys: Record<K, KeyOf<T>>, keep: (value: T) => boolean = () => true) {
    this.#record = log.register(name, this);
    this.#indexes = (Object.keys(keys) as K[]).map((index) => ({ name: index, key: keys[index], lists: new Map() }));
    this.#keep = keep;
  }

  row(id: string): Row<T> | undefined {
    return this.#rows.get(id);
  }

  /** The record, when it belongs to `account`. */
  get(id: string, account = ''): T | undefined {
    const row = this.#rows.get(id);
    return row?.account === account ? row.value : undefined;
  }

  all(): readonly Row<T>[] {
    return this.#ordered;
  }

  by(index: K, key: string): readonly Row<T>[] {
    return this.#indexes.find(({ name }) => name === index)?.lists.get(key) ?? NOTHING;
  }

  insert(value: T, account = ''): T {
    this.#add(value, account);
    this.#record([account, value]);
    return value;
  }

  replace(value: T): T {
    const row = this.#rows.get(value.id);
    if (!row) throw new Error(`${value.id} is not there to be replaced`);
    row.value = value;
    this.#record([row.account, value]);
    return value;
  }

  restore(change: unknown): void {
    const [account, value] = change as [string, T];
    const row = this.#rows.get(value.id);
    if (row) row.value = value;
    else if (this.#keep(value)) this.#add(value, account);
  }

  *snapshot(): Iterable<unknown> {
    for (const row of this.#ordered) yield [row.account, row.value];
  }

  #add(value: T, account: string): void {
    const row: Row<T> = { position: this.#ordered.length, account, value };
    this.#rows.set(value.id, row);
    this.#ordered.push(row);
    for (const { key, lists } of this.#indexes) {
      const listed = key(value, account);
      if (listed === null || listed === undefined) continue;
      const list = lists.get(listed);
      if (list) list.push(row);
      else lists.set(listed, [row]);
    }
  }
}
