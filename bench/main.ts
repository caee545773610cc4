/** `npm run bench`, or `npm run bench -- ledger ingest payouts`: measures, prints a table, and writes RESULTS.md. */
import { cpus } from 'node:os';
import type { Stack } from '../src/local/stack.ts';
import { load, machine, table, writeSection, type Section } from './findings.ts';
import { describePostgres, withInstallation, type Part } from './installation.ts';
import { benchIngest } from './ingest.ts';
import { benchLedger } from './ledger.ts';
import { benchPayouts, unlimited } from './payouts.ts';

interface Bench {
  parts: Part[];
  settings: Record<string, string>;
  run: (stack: Stack) => Promise<Section>;
}

const benches: Record<string, Bench> = {
  ledger: { parts: ['PostgreSQL', 'Database schema'], settings: {}, run: benchLedger },
  ingest: { parts: ['PostgreSQL', 'Temporal', 'Database schema', 'API'], settings: {}, run: benchIngest },
  payouts: {
    parts: ['PostgreSQL', 'Temporal', 'Provider sandbox', 'Database schema', 'API', 'Worker'],
    settings: unlimited,
    run: benchPayouts,
  },
};

/** Ratios hold up against other work on the machine only so far. */
function caution(loadBefore: string): string {
  if (Number(loadBefore) < cpus().length) return '';
  return ' **The machine was busy with other work when this was measured: measure again before relying on it.**';
}

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !Object.hasOwn(benches, name));
if (unknown.length > 0) {
  console.error(`There is no part ${unknown.join(', ')}; choose from ${Object.keys(benches).join(', ')}.`);
  process.exit(1);
}

for (const [name, bench] of Object.entries(benches)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const startedAt = new Date();
  const loadBefore = load();
  console.log(`${name}: measuring`);
  await withInstallation(bench.parts, bench.settings, async (stack) => {
    const postgres = await describePostgres(stack);
    const section = await bench.run(stack);
    const minutes = ((Date.now() - startedAt.getTime()) / 60_000).toFixed(1);
    writeSection(
      section,
      `Measured ${startedAt.toISOString().slice(0, 16)}Z in ${minutes} min on ${machine()}; load average ${loadBefore} before, ${load()} after. ${postgres}.${caution(loadBefore)}`,
    );
    console.log(`${table(section.findings)}\n`);
  });
}
