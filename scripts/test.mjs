// `npm test`: checks the import rules and runs every test. `npm test -- FILE…` runs those test files only;
// `npm run test:faults -- --seeds N` runs the fault tests with N seeds. With JEST_JSON set, Jest's result is written to that file too.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
if (!existsSync('node_modules/jest')) fail('The dependencies are not installed: run "npm ci" first.');

const { values, positionals } = parseArgs({
  options: { faults: { type: 'boolean' }, seeds: { type: 'string' } },
  allowPositionals: true,
});
if (values.seeds !== undefined && !/^[1-9]\d*$/.test(values.seeds))
  fail(`--seeds takes a number, not "${values.seeds}".`);

await prepareServers();
if (values.faults) {
  if (values.seeds) process.env.FAULT_SEEDS = values.seeds;
  jest(['tests/faults', ...positionals]);
} else {
  if (positionals.length === 0) checkImportRules();
  jest(positionals);
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
function jest(patterns) {
  step(`Running ${patterns.length > 0 ? patterns.join(' ') : 'all tests'}`);
  const nodeOptions = [process.env.NODE_OPTIONS, '--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  process.env.NODE_OPTIONS = nodeOptions.filter(Boolean).join(' ');
  const json = process.env.JEST_JSON ? ['--json', `--outputFile=${process.env.JEST_JSON}`] : [];
  run('node_modules/jest/bin/jest.js', [...json, ...patterns]);
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
