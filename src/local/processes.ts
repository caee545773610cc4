import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartError } from './errors.ts';
import { signalGroup } from './identity.ts';
import { eventually } from './wait.ts';

export interface ProcessSpec {
  /** Also the name of its log file. */
  name: string;
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  /** Whether it does its work by now; asked again and again after a start. */
  isReady: () => Promise<boolean>;
  /** What makes it end in good order. */
  stopSignal: 'SIGTERM' | 'SIGINT';
  /** The user to run as, for a root parent. */
  user?: { uid: number; gid: number };
}

const SUCCESS = 'exit code 0';
const READY_MS = 60_000;
const STOP_MS = 20_000;
const FIRST_RESTART_MS = 200;
const LONGEST_RESTART_MS = 10_000;
/** After this long a crash counts as the first one again. */
const STABLE_MS = 30_000;

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
    for (const name of names) this.#supervised.delete(name);
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

class Supervised {
  readonly logFile: string;
  readonly #spec: ProcessSpec;
  readonly #listener: { onChange: () => void; onEvent: (line: string) => void };
  #stopping = false;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  /** How the process ended; undefined while it runs. */
  #outcome: string | undefined;
  #logStart = 0;

  constructor(spec: ProcessSpec, logFile: string, listener: { onChange: () => void; onEvent: (line: string) => void }) {
    this.#spec = spec;
    this.logFile = logFile;
    this.#listener = listener;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async isReady(): Promise<boolean> {
    return this.pid !== undefined && (await this.#spec.isReady());
  }

  async start(): Promise<void> {
    this.#spawn();
    try {
      await this.#untilReady();
    } catch (error) {
      await this.stop();
      throw error;
    }
    void this.#keepAlive();
  }

  async run(): Promise<void> {
    this.#spawn();
    await this.#ended;
    if (this.#outcome !== SUCCESS) throw this.#failure('failed');
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const pid = this.pid;
    if (pid === undefined) return;
    signalGroup(pid, this.#spec.stopSignal);
    const forced = setTimeout(() => {
      signalGroup(pid, 'SIGKILL');
    }, STOP_MS);
    await this.#ended;
    clearTimeout(forced);
  }

  async #untilReady(): Promise<void> {
    const settled = await eventually(async () => this.#outcome !== undefined || (await this.isReady()), READY_MS);
    if (settled && this.#outcome === undefined) return;
    throw this.#failure('did not start');
  }

  #spawn(): void {
    if (this.#stopping) return;
    const log = openSync(this.logFile, 'a');
    this.#logStart = statSync(this.logFile).size;
    const { command, args, env, user } = this.#spec;
    const child = spawn(command, args, { env, detached: true, stdio: ['ignore', log, log], ...user });
    closeSync(log);
    this.#child = child;
    this.#outcome = undefined;
    this.#ended = new Promise((resolve) => {
      const end = (outcome: string): void => {
        this.#child = undefined;
        this.#outcome = outcome;
        this.#listener.onChange();
        resolve();
      };
      child.once('error', (error) => {
        end(error.message);
      });
      child.once('exit', (code, signal) => {
        end(signal ?? `exit code ${code ?? 'unknown'}`);
      });
    });
    this.#listener.onChange();
  }

  async #keepAlive(): Promise<void> {
    let wait = FIRST_RESTART_MS;
    for (;;) {
      const startedAt = Date.now();
      await this.#ended;
      if (this.#stopping) return;
      if (Date.now() - startedAt > STABLE_MS) wait = FIRST_RESTART_MS;
      this.#listener.onEvent(`${this.#spec.name} ended (${this.#outcome ?? 'unknown'}); starting it again`);
      await sleep(wait, undefined, { ref: false });
      wait = Math.min(wait * 2, LONGEST_RESTART_MS);
      this.#spawn();
    }
  }

  #failure(what: string): StartError {
    const outcome = this.#outcome ?? `no answer in ${READY_MS / 1000} s`;
    return new StartError(`${this.#spec.name} ${what} (${outcome})${this.#lastLogLine()}; see ${this.logFile}.`);
  }

  #lastLogLine(): string {
    const written = readFileSync(this.logFile).subarray(this.#logStart).toString();
    const line = written.trim().split('\n').at(-1) ?? '';
    return line === '' ? '' : `: ${line.slice(0, 300)}`;
  }
}
