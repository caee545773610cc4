import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartError } from './errors.ts';
import { signalGroup } from './identity.ts';
import { eventually } from './wait.ts';

export interface ProcessSpec {
  /** Also the name of its log file. */
  name: string;
  command: string;
  args: string[];
  cwd?: string;
  env: NodeJS.ProcessEnv;
  /** Whether it does its work by now; asked again and again after a start. */
  isReady: () => Promise<boolean>;
  /** What makes it end in good order. */
  stopSignal: 'SIGTERM' | 'SIGINT';
  /** The user to run as, for a root parent. */
  user?: { uid: number; gid: number };
}

const SUCCESS = 'exit code 0';
/** How long a process may take to become ready. */
export const READY_MS = 120_000;
const STOP_MS = 30_000;
const FIRST_RESTART_MS = 200;
const LONGEST_RESTART_MS = 10_000;
/** After this long a crash counts as the first one again. */
const STABLE_MS = 30_000;
/** In bytes; at a start, a larger one is put aside in place of the one before. */
const LARGEST_LOG = 50_000_000;

/** One process of a `Processes`, with what is needed to end it, to start it again and to say what went wrong. */
export class Supervised {
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
    if (existsSync(this.logFile) && statSync(this.logFile).size > LARGEST_LOG) {
      renameSync(this.logFile, `${this.logFile}.old`);
    }
    const log = openSync(this.logFile, 'a');
    this.#logStart = statSync(this.logFile).size;
    const { command, args, cwd, env, user } = this.#spec;
    const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', log, log], ...user });
    closeSync(log);
    this.#child = child;
    this.#outcome = undefined;
    this.#ended = new Promise((resolve) => {
      const end = (outcome: string): void => {
        if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL'); // whatever it started and left
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
    return new StartError(`${this.#spec.name} ${what} (${outcome})${this.#tellingLogLine()}; see ${this.logFile}.`);
  }

  #tellingLogLine(): string {
    const written = readFileSync(this.logFile).subarray(this.#logStart).toString();
    const lines = written.trim().split('\n');
    const line = lines.findLast((text) => /\b(\w*Error|FATAL|fatal|panic)\b/.test(text)) ?? lines.at(-1) ?? '';
    return line === '' ? '' : `: ${line.slice(0, 300)}`;
  }
}
