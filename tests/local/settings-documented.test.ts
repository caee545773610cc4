import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

/** Set by the system. */
const NOT_FOR_PEOPLE = new Set(['PATH', 'TZ']);

/** Read by Temporal's SDK and not by us. */
const READ_BY_SDK = readFileSync('node_modules/@temporalio/envconfig/lib/envconfig-toml.js', 'utf8');

function sourceFiles(): string[] {
  const names = readdirSync('src', { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.ts')).map((name) => join('src', name));
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1]!);
}

/** Settings that the code reads: `read.port('PORT', …)`, `text('HOST')`, `env['DATA_DIR']`, `process.env['X']`, and the secrets' list. */
function settingsRead(): Set<string> {
  const read = sourceFiles().flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    const secrets = file.endsWith('secrets.ts') ? matches(text, /^ {2}([A-Z_]+): \(\) =>/gm) : [];
    return [
      ...secrets,
      ...matches(text, /(?:read\.\w+|\btext)\(\s*'([A-Z][A-Z0-9_]+)'/g),
      ...matches(text, /\benv\['([A-Z][A-Z0-9_]+)'\]/g),
    ];
  });
  return new Set(read.filter((name) => !NOT_FOR_PEOPLE.has(name)));
}

function settingsOfCompose(): string[] {
  return matches(readFileSync('docker-compose.yml', 'utf8'), /(?<!\$)\$\{([A-Z_]+)/g);
}

function settingsDocumented(): string[] {
  return matches(readFileSync('.env.example', 'utf8'), /^#([A-Z][A-Z0-9_]+)=/gm);
}

test('.env.example names exactly the settings that are read, each once', () => {
  const settings = new Set([...settingsRead(), ...settingsOfCompose()]);
  const documented = settingsDocumented();
  expect(documented).toEqual([...new Set(documented)]);
  const ours = documented.filter((name) => settings.has(name) || !READ_BY_SDK.includes(name));
  expect(ours.sort()).toEqual([...settings].sort());
});

test('each setting has a line that explains it', () => {
  const lines = readFileSync('.env.example', 'utf8').split('\n');
  const unexplained = lines.filter((line, i) => /^#[A-Z_]+=/.test(line) && !/^# [A-Za-z0-9`]/.test(lines[i - 1] ?? ''));
  expect(unexplained).toEqual([]);
});
