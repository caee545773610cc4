// `npm test`: checks the import rules and runs every test. `npm test -- …` passes on to Jest which tests to run;
// `npm run test:faults -- --seeds N` runs the fault tests with N seeds. With JEST_JSON set, Jest's result is written to that file too.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
if (!existsSync('node_modules/jest')) fail('The dependencies are not installed: run "npm ci" first.');

const forJest = process.argv.slice(2);
const faults = take('--faults');
const seeds = take('--seeds', 1);
if (seeds && !/^[1-9]\d*$/.test(seeds[1] ?? '')) fail('--seeds takes the number of seeds to run.');
if (seeds) process.env.FAULT_SEEDS = seeds[1];

await prepareServers();
if (forJest.length === 0 && !faults) checkImportRules();
jest(faults ? ['tests/faults', ...forJest] : forJest);

/** Takes an option with its values out of the arguments; what remains is for Jest. */
function take(option, values = 0) {
  const at = forJest.indexOf(option);
  return at < 0 ? undefined : forJest.splice(at, values + 1);
}

async function prepareServers() {
  step('Looking for the Temporal servers');
  const [{ findTemporal }, { timeSkippingServer }] = await Promise.all([
    import('../src/local/temporal.ts'),
    import('../src/local/time-skipping.ts'),
  ]);
  try {
    await findTemporal(process.env, console.log);
    await timeSkippingServer(process.env, console.log);
  } catch (error) {
    if (error?.name !== 'StartError') throw error;
    fail(error.message);
  }
}

function checkImportRules() {
  step('Checking who imports whom');
  run('node_modules/dependency-cruiser/bin/dependency-cruise.mjs', ['--config', '.dependency-cruiser.cjs', 'src']);
}

/** Jest, with a PostgreSQL and a Temporal server of its own; see tests/global-setup.mjs. */
function jest(args) {
  step(`Running ${args.length > 0 ? args.join(' ') : 'all tests'}`);
  const nodeOptions = [process.env.NODE_OPTIONS, '--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  process.env.NODE_OPTIONS = nodeOptions.filter(Boolean).join(' ');
  const json = process.env.JEST_JSON ? ['--json', `--outputFile=${process.env.JEST_JSON}`] : [];
  run('node_modules/jest/bin/jest.js', [...json, ...args]);
}

function run(program, args) {
  const { status } = spawnSync(process.execPath, [program, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

function step(text) {
  console.log(`\n▸ ${text}`);
}

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}
