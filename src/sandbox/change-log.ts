/**
 * The sandbox's memory: one append-only file, replayed at boot. A line is one flush and holds a list of
 * `[table, change]`, so that all changes of one request are kept or lost together. Nothing is synced to disk per
 * request: what was written survives the death of the process, not of the machine.
 */
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Something whose changes the log keeps. */
export interface Restorable {
  restore(change: unknown): void;
  /** The changes that rebuild the present state, oldest first. */
  snapshot(): Iterable<unknown>;
}

const SNAPSHOT_LINE = 500;

export class ChangeLog {
  readonly #directory: string;
  readonly #tables = new Map<string, Restorable>();
  #pending: string[] = [];
  #flushed: Promise<void> | undefined;
  #file: number | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Adds a table before {@link open}; the answer records one of its changes. */
  register(name: string, table: Restorable): (change: unknown) => void {
    if (this.#tables.has(name)) throw new Error(`two tables are called ${name}`);
    this.#tables.set(name, table);
    return (change) => {
      this.#pending.push(JSON.stringify([name, change]));
      this.#flushed ??= new Promise((resolve, reject) => {
        setImmediate(() => {
          try {
            this.#write();
            resolve();
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        });
      });
    };
  }

  /** Replays the file into the tables and rewrites it without what was superseded. */
  async open(): Promise<void> {
    mkdirSync(this.#directory, { recursive: true });
    const path = join(this.#directory, 'state.jsonl');
    if (existsSync(path)) await this.#replay(path);
    const fresh = `${path}.new`;
    const file = openSync(fresh, 'w');
    this.#dump(file);
    fsyncSync(file);
    renameSync(fresh, path);
    this.#file = file;
  }

  /** Resolves when every change so far is in the file. */
  written(): Promise<void> {
    return this.#flushed ?? Promise.resolve();
  }

  close(): void {
    if (this.#file === undefined) return;
    this.#write();
    fsyncSync(this.#file);
    closeSync(this.#file);
    this.#file = undefined;
  }

  #write(): void {
    this.#flushed = undefined;
    if (this.#pending.length === 0 || this.#file === undefined) return;
    const line = `[${this.#pending.join(',')}]\n`;
    this.#pending = [];
    writeAll(this.#file, line);
  }

  async #replay(path: string): Promise<void> {
    let damaged: string | undefined;
    let number = 0;
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
      if (damaged !== undefined) throw new Error(`${path}: line ${number} is damaged`);
      number += 1;
      const changes = parseLine(line);
      // only the last line may be broken off: the process died while writing it
      if (changes === undefined) damaged = line;
      for (const [name, change] of changes ?? []) this.#tables.get(name)?.restore(change);
    }
  }

  #dump(file: number): void {
    let batch: string[] = [];
    for (const [name, table] of this.#tables) {
      for (const change of table.snapshot()) {
        batch.push(JSON.stringify([name, change]));
        if (batch.length < SNAPSHOT_LINE) continue;
        writeAll(file, `[${batch.join(',')}]\n`);
        batch = [];
      }
    }
    if (batch.length > 0) writeAll(file, `[${batch.join(',')}]\n`);
  }
}

function parseLine(line: string): [string, unknown][] | undefined {
  try {
    return JSON.parse(line) as [string, unknown][];
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
}
