import { cpus, loadavg, totalmem } from 'node:os';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export interface Finding {
  what: string;
  value: number;
  /** None: told for its own sake. */
  target?: { atLeast: number } | { atMost: number };
  /** The absolute figures that the value comes from. */
  from: string;
}

export interface Section {
  title: string;
  findings: Finding[];
  /** What is compared with what, how the figures come about, and what to make of them. */
  notes: string[];
}

const MISSED = '**missed**';
const RESULTS = new URL('RESULTS.md', import.meta.url);

const HEAD = `# What the benchmark measured

Ratios of two rates measured in turns in one run on one machine; \`npm run bench\` measures all of it again and rewrites this file,
\`npm run bench -- ledger\` (or \`ingest\`, \`payouts\`) only that part. It brings up what it needs in a temporary folder, with the
settings of \`npm start\`. Absolute rates are this machine's; compare ratios.
`;

export function verdict({ value, target }: Finding): string {
  if (target === undefined) return '';
  const met = 'atLeast' in target ? value >= target.atLeast : value <= target.atMost;
  return met ? 'met' : MISSED;
}

function targetText({ target }: Finding): string {
  if (target === undefined) return '';
  return 'atLeast' in target ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`;
}

export function table(findings: Finding[]): string {
  const rows = findings.map((finding) => [
    finding.what,
    finding.value.toFixed(2),
    targetText(finding),
    verdict(finding),
    finding.from,
  ]);
  const lines = [['What', 'Measured', 'Target', 'Verdict', 'From'], ['---', '---', '---', '---', '---'], ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Puts a section in the place of its older self. */
export function writeSection(section: Section, circumstances: string): void {
  const text = `## ${section.title}

${circumstances}

${table(section.findings)}

${section.notes.map((note) => `- ${note}`).join('\n')}
`;
  const before = existsSync(RESULTS) ? readFileSync(RESULTS, 'utf8') : '';
  const others = before.split(/^(?=## )/m).filter((part) => part.startsWith('## '));
  const titleOf = (part: string) => part.slice(3, part.indexOf('\n'));
  const kept = others.filter((part) => titleOf(part) !== section.title).map((part) => `${part.trim()}\n`);
  const sections = [...kept, text].toSorted((a, b) => titleOf(a).localeCompare(titleOf(b)));
  writeFileSync(RESULTS, [HEAD, summary(sections), ...sections].join('\n'));
}

/** Which targets were missed when they were last measured. */
function summary(sections: string[]): string {
  const missed = sections.flatMap((section) => section.split('\n').filter((line) => line.includes(MISSED)));
  if (missed.length === 0) return 'Every target was met.\n';
  const names = missed.map((line) => line.split(' | ').slice(0, 3));
  return [
    'Missed:',
    '',
    ...names.map(([what = '', value = '', target = '']) => `- ${what.replace('| ', '')}: ${value}, target ${target}`),
    '',
  ].join('\n');
}

export function machine(): string {
  const [cpu] = cpus();
  return `${cpus().length} cores (${cpu?.model.trim() ?? 'unknown'}), ${(totalmem() / 2 ** 30).toFixed(0)} GB, Node.js ${process.version}`;
}

/** How busy the machine is, with others' work too: processes that want a core, over the last minute. */
export function load(): string {
  return (loadavg()[0] ?? 0).toFixed(1);
}

export function perSecond(rate: number): string {
  return `${Math.round(rate).toLocaleString('en')}/s`;
}
