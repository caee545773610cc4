/** `npm start`: brings everything up, runs the main job on real view counts and stays up until it is told to stop. */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Listr, ListrLogger, type ListrLogLevels, PRESET_TIMER } from 'listr2';
import { SettingsError } from '../config.ts';
import { runDemo } from './demo.ts';
import { property, StartError } from './errors.ts';
import { prepareStack, type Stack, type Step } from './stack.ts';

const USAGE = `npm start -- [options]

  --once          stop after the main job; the exit code is 1 if anything in it is wrong
  --input FILE    run the main job on a CSV: date,channel,video_id,views,likes,comments
  --rate AMOUNT   what a thousand views earn, in dollars (1.50)
  --report FILE   write the result of the main job as JSON
  --no-demo       bring everything up without running the main job
  --dev           start API and worker again whenever a source file changes
`;

/** The exit code of a start that was cut off. */
const INTERRUPTED = 130;

interface Arguments {
  once: boolean;
  input: string | undefined;
  rate: string;
  report: string | undefined;
  demo: boolean;
  dev: boolean;
}

async function main(): Promise<void> {
  const args = readArguments(process.argv.slice(2));
  const stack = await prepareStack(process.env, {
    watch: args.dev,
    onEvent: (line) => {
      console.error(line);
    },
  });
  endOnSignal(stack);
  try {
    await runSteps(stack.steps);
    printAddresses(stack);
    const ok = !args.demo || (await runMainJob(stack, args));
    if (stack.stopping) return; // a signal ended the main job
    process.exitCode = ok ? 0 : 1;
    if (!args.once) {
      console.log(`\nStipend is up at ${stack.apiUrl}. Ctrl-C stops it.`);
      return;
    }
    await stack.stop();
    process.exit();
  } catch (error) {
    if (stack.stopping) return; // a signal ended the step that failed
    await stack.stop();
    throw error;
  }
}

function readArguments(argv: string[]): Arguments {
  const options = {
    once: { type: 'boolean', default: false },
    input: { type: 'string' },
    rate: { type: 'string', default: '1.50' },
    report: { type: 'string' },
    'no-demo': { type: 'boolean', default: false },
    dev: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  const { values } = parse(() => parseArgs({ args: argv, options, allowPositionals: false }));
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  if (!/^\d{1,6}(\.\d{1,6})?$/.test(values.rate))
    throw new StartError(`--rate takes an amount such as 1.50, not "${values.rate}".`);
  if (values.input !== undefined && !existsSync(values.input))
    throw new StartError(`There is no file ${values.input} (--input).`);
  const { once, input, rate, report, dev } = values;
  return { once, input, rate, report, dev, demo: !values['no-demo'] };
}

function parse<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const known = error instanceof TypeError && String(property(error, 'code')).startsWith('ERR_PARSE_ARGS');
    if (!known) throw error;
    throw new StartError(`${error.message.split('. ')[0]!}; npm start -- --help lists the options.`, { cause: error });
  }
}

/** A progress view on a terminal, plain lines elsewhere; each step with its time. */
async function runSteps(steps: Step[]): Promise<void> {
  const tasks = steps.map((step) => ({
    title: step.title,
    task: (_: unknown, task: { output: string }) =>
      step.run((line) => {
        task.output = line;
      }),
  }));
  const list = new Listr(tasks, {
    rendererOptions: { timer: PRESET_TIMER, showErrorMessage: false },
    fallbackRenderer: 'simple',
    // the error has its place on standard error once, at the end
    fallbackRendererOptions: { timer: PRESET_TIMER, logger: new ListrLogger<ListrLogLevels>({ useIcons: true }) },
    registerSignalListeners: false,
  });
  await list.run();
}

async function runMainJob(stack: Stack, { input, rate, report }: Arguments): Promise<boolean> {
  const { apiUrl, sandboxUrl, admin, env } = stack;
  const progress = (line: string): void => {
    if (!stack.stopping) console.log(line);
  };
  const { ok } = await runDemo({ apiUrl, sandboxUrl, admin, env, input, rate, report, progress });
  return ok;
}

function printAddresses({ apiUrl, temporalUiUrl, admin, dataDir }: Stack): void {
  const password = process.env['ADMIN_PASSWORD'] ? 'the ADMIN_PASSWORD that you set' : admin.password;
  console.log(`
  API            ${apiUrl}
  API reference  ${apiUrl}/docs
  Temporal UI    ${temporalUiUrl}
  First admin    ${admin.email}, password: ${password}
  Data and logs  ${dataDir}
`);
}

/** Ctrl-C, a kill, or the end of the program that started this one ends everything in good order. */
function endOnSignal(stack: Stack): void {
  const end = (): void => {
    if (stack.stopping) return;
    console.log('\nStopping …');
    void stack.stop().then(() => process.exit(process.exitCode ?? INTERRUPTED));
  };
  for (const event of ['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect']) process.on(event, end);
}

try {
  await main();
} catch (error) {
  const known = error instanceof StartError || error instanceof SettingsError;
  console.error(known ? error.message : error);
  process.exit(1);
}
