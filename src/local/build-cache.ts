import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartError } from './errors.ts';
import { releaseLock, takeLock } from './lock.ts';

export interface Build {
  /** What is built, as a person calls it. */
  title: string;
  /** How long it takes, in words. */
  takes: string;
  /** Folder of the sources. */
  sources: string;
  /** The files in it that the result depends on. */
  files: string[];
  /** The command that builds into the folder it is given; run in the folder of the sources. */
  command: (output: string) => [string, ...string[]];
}

/** Where built tools are kept: `STIPEND_CACHE`, else `~/.cache/stipend`. */
export function cacheDir(env: NodeJS.ProcessEnv): string {
  return resolve(env['STIPEND_CACHE']?.trim() || join(homedir(), '.cache', 'stipend'));
}

/** The folder that holds the result of a build, or will. It is named after a checksum of the sources and the platform. */
export function builtDir(cache: string, { sources, files }: Build): string {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}`);
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(join(sources, file)));
  return join(cache, `${basename(sources)}-${hash.digest('hex').slice(0, 16)}`);
}

/**
 * Builds once for all starts on this machine and answers with the folder of the result. Of several at the same time one builds and
 * the others wait; a build that was cut off leaves nothing behind that looks finished.
 * @throws StartError with the last line that the build printed.
 */
export async function buildOnce(cache: string, build: Build, report: (line: string) => void): Promise<string> {
  const dir = builtDir(cache, build);
  const lock = `${dir}.lock`;
  if (!existsSync(dir)) report(`${build.title} is built, once: ${build.takes}`);
  while (!existsSync(dir)) {
    if (takeLock(lock)) {
      await sleep(500);
      continue;
    }
    try {
      if (!existsSync(dir)) await runBuild(dir, build);
    } finally {
      releaseLock(lock);
    }
  }
  return dir;
}

async function runBuild(dir: string, build: Build): Promise<void> {
  const unfinished = `${dir}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  const [command, ...args] = build.command(unfinished);
  const logFile = `${dir}.log`;
  const log = createWriteStream(logFile);
  await once(log, 'open');
  const child = spawn(command, args, { cwd: build.sources, stdio: ['ignore', log, log] });
  const [code] = (await once(child, 'close')) as [number | null];
  log.close();
  if (code === 0) {
    renameSync(unfinished, dir);
    return;
  }
  const lastLine = readFileSync(logFile, 'utf8').trim().split('\n').at(-1) ?? '';
  throw new StartError(`${build.title} could not be built: ${lastLine.slice(0, 300)} (see ${logFile}).`);
}
