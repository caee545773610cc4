// `npm start`. Runs on the Node.js that the machine has, before anything is installed: installs what the lock file says where that is
// not there yet, then hands over to src/local/start.ts on the Node.js that came with it.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const INSTALLED_NODE = 'node_modules/.bin/node';
const PROGRAM = 'src/local/start.ts';

const project = fileURLToPath(new URL('..', import.meta.url));
process.chdir(project);
if (major(process.versions.node) < 18) fail(`Node.js 18 or newer is needed; this is ${process.version}.`);
if (!isInstalled()) await install();
handOver(chooseNode());

/** Compares the lock file with what npm itself noted about its last installation. */
function isInstalled() {
  const note = 'node_modules/.package-lock.json';
  if (!existsSync(note)) return false;
  const wanted = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages;
  const present = JSON.parse(readFileSync(note, 'utf8')).packages;
  return Object.entries(wanted).every(([path, { version, optional, devOptional }]) => {
    if (path === '') return true;
    const there = present[path];
    return there ? there.version === version : Boolean(optional || devOptional);
  });
}

async function install() {
  if (spawnSync('npm', ['--version']).status !== 0)
    fail('npm is needed to install the dependencies; install Node.js with npm.');
  const began = Date.now();
  const output = await runWithProgress('npm', ['ci', '--no-fund', '--no-audit'], 'Installing the dependencies');
  if (!isInstalled()) fail(`npm ci failed: ${reason(output)}`);
  console.log(`✔ Dependencies installed [${seconds(began)}s]`);
}

/** Resolves with what the program printed, and shows how long it has been running. */
function runWithProgress(command, args, title) {
  const began = Date.now();
  const show = process.stdout.isTTY
    ? () => process.stdout.write(`\r❯ ${title} (about a minute) … ${seconds(began)}s `)
    : () => undefined;
  console.log(process.stdout.isTTY ? '' : `❯ ${title} (about a minute)`);
  const timer = setInterval(show, 1000);
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => (output += error.message));
    child.on('close', () => {
      clearInterval(timer);
      if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
      resolve(output);
    });
  });
}

/** npm begins with a code, then says what is wrong. */
function reason(output) {
  const errors = [...output.matchAll(/^npm error (?!code |errno |syscall )(\S.*)$/gm)];
  return errors[0]?.[1] ?? output.trim().split('\n').at(-1);
}

/** The Node.js of the dependencies; where there is none for this platform, the machine's own if it can run TypeScript. */
function chooseNode() {
  if (existsSync(INSTALLED_NODE) && spawnSync(INSTALLED_NODE, ['--version']).status === 0) return INSTALLED_NODE;
  const [majorPart, minorPart] = process.versions.node.split('.').map(Number);
  if (majorPart > 22 || (majorPart === 22 && minorPart >= 18)) return process.execPath;
  return fail(`Node.js 22.18 or newer is needed on this platform; this is ${process.version}.`);
}

/** The child keeps the terminal, is told about signals, and notices over its channel when this process is gone. */
function handOver(node) {
  const envFile = existsSync('.env') ? ['--env-file=.env'] : [];
  const child = spawn(node, [...envFile, PROGRAM, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  endWithNpm(child);
  child.on('error', (error) => fail(`${node} could not be started: ${error.message}`));
  child.on('exit', (code) => process.exit(code ?? 1));
}

/** npm that is killed tells nobody; its end shows in who our parent is. */
function endWithNpm(child) {
  const npm = process.ppid;
  if (!process.env.npm_lifecycle_event) return;
  setInterval(() => process.ppid !== npm && child.kill('SIGTERM'), 1000).unref();
}

function major(version) {
  return Number(version.split('.')[0]);
}

function seconds(since) {
  return Math.round((Date.now() - since) / 1000);
}

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}
