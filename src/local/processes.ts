import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { StartError } from './errors.ts';
import { signalGroup } from './identity.ts';
import { READY_MS, Supervised, type ProcessSpec } from './supervised.ts';
import { eventually } from './wait.ts';

export interface ProcessesOptions {
  logDir: string;
  /** Told the pids of all processes whenever they change. */
  onChange?: (pids: number[]) => void;
  /** Told in one line about each crash and each restart. */
  onEvent?: (line: string) => void;
}

/**
 * Child processes that are kept alive: each logs to `<logDir>/<name>.log`, leads a process group of its own, and is started again
 * when it ends unasked, at growing intervals.
 */
export class Processes {
  readonly #options: ProcessesOptions;
  readonly #supervised = new Map<string, Supervised>();
  #closing = false;

  constructor(options: ProcessesOptions) {
    this.#options = options;
    mkdirSync(options.logDir, { recursive: true });
  }

  /** Resolves when the process is ready. Throws {@link StartError} with the last line of its log when it ends or hangs instead. */
  async start(spec: ProcessSpec): Promise<void> {
    await this.#supervise(spec).start();
  }

  /** Runs a process to its end. Throws {@link StartError} with the last line of its log when it fails. */
  async run(spec: Omit<ProcessSpec, 'isReady'>): Promise<void> {
    const supervised = this.#supervise({ ...spec, isReady: () => Promise.resolve(false) });
    await supervised.run();
    this.#supervised.delete(spec.name);
  }

  /** Ends the named processes at the same time, by force after a while. */
  async stop(...names: string[]): Promise<void> {
    const stopping = names.flatMap((name) => this.#supervised.get(name) ?? []);
    await Promise.all(stopping.map((supervised) => supervised.stop()));
  }

  /** Ends groups of processes one after the other. From here on nothing can be started. */
  async close(groups: string[][]): Promise<void> {
    this.#closing = true;
    for (const names of groups) await this.stop(...names);
  }

  /** The pid of a running process; undefined between a crash and the restart. */
  pid(name: string): number | undefined {
    return this.#supervised.get(name)?.pid;
  }

  /** Signals a process and what it started, as a crash would end it: it comes back by itself. */
  kill(name: string, signal: NodeJS.Signals = 'SIGKILL'): void {
    const pid = this.pid(name);
    if (pid !== undefined) signalGroup(pid, signal);
  }

  /** Resolves when the process, perhaps started again meanwhile, does its work. */
  async untilReady(name: string): Promise<void> {
    const supervised = this.#supervised.get(name);
    if (!supervised) throw new Error(`no process is called ${name}`);
    const ready = await eventually(() => supervised.isReady(), READY_MS);
    if (!ready)
      throw new StartError(`${name} did not come back within ${READY_MS / 1000} s; see ${supervised.logFile}.`);
  }

  #supervise(spec: ProcessSpec): Supervised {
    if (this.#closing) throw new StartError(`${spec.name} is not started: everything is being stopped.`);
    const supervised = new Supervised(spec, join(this.#options.logDir, `${spec.name}.log`), {
      onChange: () => this.#options.onChange?.(this.#pids()),
      onEvent: (line) => this.#options.onEvent?.(line),
    });
    this.#supervised.set(spec.name, supervised);
    return supervised;
  }

  #pids(): number[] {
    return [...this.#supervised.values()].flatMap(({ pid }) => pid ?? []);
  }
}
