import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { claimDataDir, type DataDir } from './data-dir.ts';
import { StartError } from './errors.ts';
import { accepts, postgresProcess, superuserUrl } from './postgres.ts';
import { Processes } from './processes.ts';
import { localSecrets, type Secrets } from './secrets.ts';
import {
  checkPorts,
  productEnv,
  readLocalSettings,
  withDatabaseRoles,
  writeLocalEnv,
  type LocalSettings,
} from './settings.ts';
import type { ProcessSpec } from './supervised.ts';
import { findTemporal, temporalAnswers, temporalProcess } from './temporal.ts';
import { answers, eventually } from './wait.ts';
import { bundleWorkflows } from './workflow-bundle.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const OUTSIDE_MS = 10_000;

export interface StackOptions {
  /** Starts API and worker again whenever a source file changes. */
  watch?: boolean;
  /** Trades the database's durability for speed; for tests only. */
  fast?: boolean;
  /** Told in one line about crashes and restarts. */
  onEvent?: (line: string) => void;
}

/** One stage of a start. */
export interface Step {
  title: string;
  /** @param report told in one line about work that takes long */
  run: (report: (line: string) => void) => Promise<void>;
}

/**
 * Everything that a start needs, checked, and the data folder claimed, but nothing running yet.
 * @throws SettingsError or StartError, one sentence each: a broken setting, a busy port, a folder in use.
 */
export async function prepareStack(env: NodeJS.ProcessEnv, options: StackOptions = {}): Promise<Stack> {
  const settings = await readLocalSettings(env);
  const dataDir = await claimDataDir(settings.dataDir);
  try {
    await checkPorts(settings);
    const secrets = localSecrets(env, dataDir.path);
    const product = productEnv(settings, secrets);
    writeLocalEnv(dataDir.path, product);
    return new Stack({ settings, secrets, env: withDatabaseRoles({ ...env, ...product }), dataDir, options });
  } catch (error) {
    dataDir.release();
    throw error;
  }
}

/** Brings a prepared stack up: PostgreSQL, Temporal with its Web UI, the sandbox, the schema, API and worker. */
export async function startStack(stack: Stack, report: (line: string) => void = () => undefined): Promise<void> {
  try {
    for (const step of stack.steps) await step.run(report);
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

interface Parts {
  settings: LocalSettings;
  secrets: Secrets;
  env: NodeJS.ProcessEnv;
  dataDir: DataDir;
  options: StackOptions;
}

export class Stack {
  /** To be run in this order; each resolves when what it started does its work. */
  readonly steps: Step[];
  readonly apiUrl: string;
  readonly sandboxUrl: string;
  readonly temporalUiUrl: string;
  /** The first admin. */
  readonly admin: { email: string; password: string };
  /** The environment that API, worker, sandbox and migration run in. */
  readonly env: NodeJS.ProcessEnv;
  readonly dataDir: string;
  /** `postgres`, `temporal`, `sandbox`, `api` and `worker`, as far as they are started here. */
  readonly processes: Processes;
  readonly #parts: Parts;
  #stopped: Promise<void> | undefined;

  constructor(parts: Parts) {
    const { settings, secrets, dataDir, options } = parts;
    this.#parts = parts;
    this.env = parts.env;
    this.dataDir = dataDir.path;
    this.apiUrl = settings.apiUrl;
    this.sandboxUrl = settings.sandboxUrl;
    this.temporalUiUrl = settings.temporalUiUrl;
    this.admin = { email: secrets.ADMIN_EMAIL, password: secrets.ADMIN_PASSWORD };
    this.processes = new Processes({
      logDir: join(dataDir.path, 'logs'),
      onChange: (pids) => {
        dataDir.record(pids);
      },
      ...(options.onEvent && { onEvent: options.onEvent }),
    });
    this.steps = [
      { title: settings.databaseUrl ? 'PostgreSQL at DATABASE_URL' : 'PostgreSQL', run: () => this.#postgres() },
      {
        title: settings.temporalAddress ? 'Temporal at TEMPORAL_ADDRESS' : 'Temporal',
        run: (report) => this.#temporal(report),
      },
      { title: 'Provider sandbox', run: () => this.#sandbox() },
      { title: 'Database schema', run: () => this.#migrate() },
      { title: 'API', run: () => this.#api() },
      { title: 'Worker', run: () => this.#worker() },
    ];
  }

  get stopping(): boolean {
    return this.#stopped !== undefined;
  }

  /** Ends everything in good order; safe at any time and more than once. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  async #stopAll(): Promise<void> {
    await this.processes.close([['migrate', 'worker', 'api'], ['sandbox', 'temporal'], ['postgres']]);
    this.#parts.dataDir.release();
  }

  async #postgres(): Promise<void> {
    const { settings, secrets, options } = this.#parts;
    if (settings.databaseUrl) {
      const url = maintenanceUrl(this.env['MIGRATION_DATABASE_URL']!);
      if (await eventually(() => accepts(url), OUTSIDE_MS, 500)) return;
      throw new StartError('No PostgreSQL answers at DATABASE_URL.');
    }
    const folder = join(this.dataDir, 'postgres');
    const port = settings.ports.postgres;
    const fast = options.fast ?? false;
    await this.processes.start(await postgresProcess({ folder, port, password: secrets.POSTGRES_PASSWORD, fast }));
  }

  async #temporal(report: (line: string) => void): Promise<void> {
    const { ports, temporalAddress: address, temporalNamespace: namespace, databaseUrl } = this.#parts.settings;
    if (address) {
      if (await eventually(() => temporalAnswers(address, namespace), OUTSIDE_MS, 500)) return;
      throw new StartError(`No Temporal with a namespace "${namespace}" answers at TEMPORAL_ADDRESS ${address}.`);
    }
    const program = await findTemporal(this.env, report);
    const store =
      program.kind === 'temporal-dev' && !databaseUrl
        ? { postgresUrl: superuserUrl({ port: ports.postgres, password: this.#parts.secrets.POSTGRES_PASSWORD }) }
        : { sqliteFile: join(this.dataDir, 'temporal.sqlite') };
    await this.processes.start(
      temporalProcess(program, {
        port: ports.temporal,
        uiPort: ports.temporalUi,
        namespace,
        codecEndpoint: `${this.apiUrl}/codec`,
        ...store,
      }),
    );
  }

  async #sandbox(): Promise<void> {
    const ready = `${this.sandboxUrl}/_sandbox/health`;
    await this.processes.start({ ...this.#node('sandbox', ['src/sandbox/main.ts']), isReady: () => answers(ready) });
  }

  async #migrate(): Promise<void> {
    await this.processes.run(this.#node('migrate', ['src/main.ts', 'migrate']));
  }

  async #api(): Promise<void> {
    await this.#role('api', `${this.apiUrl}/health`);
  }

  async #worker(): Promise<void> {
    await this.#bundle();
    await this.#role('worker', `http://127.0.0.1:${this.#parts.settings.ports.workerHealth}/health`);
  }

  /** With --dev the worker bundles the workflows itself, each time it starts again. */
  async #bundle(): Promise<void> {
    if (this.#parts.options.watch) return;
    const path = join(this.dataDir, 'workflow-bundle.js');
    await bundleWorkflows(path);
    this.env['WORKFLOW_BUNDLE'] = path;
  }

  #watch(): string[] {
    return this.#parts.options.watch ? ['--watch-path=src', '--watch-preserve-output'] : [];
  }

  async #role(role: string, healthUrl: string): Promise<void> {
    const program = this.#node(role, [...this.#watch(), 'src/main.ts', role]);
    await this.processes.start({ ...program, isReady: () => answers(healthUrl) });
  }

  #node(name: string, args: string[]): Omit<ProcessSpec, 'isReady'> {
    return { name, command: process.execPath, args, cwd: PROJECT, env: this.env, stopSignal: 'SIGTERM' };
  }
}

function maintenanceUrl(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  url.pathname = '/postgres';
  return url.href;
}
