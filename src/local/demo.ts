/** The main job: a file of daily view counts becomes creators who join a campaign, earn, are held, locked and paid. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { accrueNow, untilLocked, withShortHold } from './demo/accrual.ts';
import { withAccess, type Access, type AccessOptions } from './demo/access.ts';
import { openCampaign } from './demo/campaign.ts';
import { registerCreators } from './demo/creators.ts';
import { DemoError } from './demo/errors.ts';
import { channelsOf, parseRate } from './demo/expected.ts';
import { readInput, type Input } from './demo/input.ts';
import { gatherOutcome } from './demo/outcome.ts';
import { joinCampaign } from './demo/participations.ts';
import { runMonthlyPayouts } from './demo/payouts.ts';
import { makeReport, problemsOf, tableOf, writeReport } from './demo/report.ts';
import { ingest } from './demo/snapshots.ts';
import { Stages } from './demo/stages.ts';

const SAMPLE = fileURLToPath(new URL('../../demo/sample.csv', import.meta.url));
/** More problems or rejected rows than these are counted, not shown. */
const SHOWN = 20;

export interface DemoOptions extends AccessOptions {
  /** A CSV; undefined: the sample that comes with the project. */
  input: string | undefined;
  /** Dollars for a thousand views. */
  rate: string;
  /** Where the result is written as JSON. */
  report: string | undefined;
  /** Told line by line what happens. */
  progress: (line: string) => void;
}

/**
 * Does everything through the HTTP API, as clients would. A second run on the same data finds what the first made: the same totals,
 * nothing paid twice. `ok` is false where anything is wrong with the input, on the way or in the totals; `progress` was told what.
 */
export async function runDemo(options: DemoOptions): Promise<{ ok: boolean }> {
  const { env, sandboxUrl, progress } = options;
  if (env['STRIPE_API_BASE'] !== sandboxUrl) {
    progress('The main job is not run: it works with the provider sandbox, and these settings name another Stripe.');
    return { ok: true };
  }
  try {
    return { ok: await runMainJob(options) };
  } catch (error) {
    if (!(error instanceof DemoError)) throw error;
    progress(`✖ ${error.message}`);
    return { ok: false };
  }
}

async function runMainJob(options: DemoOptions): Promise<boolean> {
  const { input: path = SAMPLE, rate, progress } = options;
  progress(`\nThe main job on ${basename(path)} at ${rate} dollars for a thousand views`);
  const ratePerThousand = parseRate(rate);
  const stages = new Stages(progress);
  const input = await stages.run('Read the file', () => readInput(path));
  show(
    input.rejected.map(({ line, reason }) => `  line ${line} is left out: ${reason}`),
    progress,
  );
  if (input.rows.length === 0) throw new DemoError(`${path} has no usable row.`);
  return withAccess(options, (access) => earnAndPay(access, { options, input, ratePerThousand, stages }));
}

interface Job {
  options: DemoOptions;
  input: Input;
  ratePerThousand: bigint;
  stages: Stages;
}

async function earnAndPay(access: Access, { options, input, ratePerThousand, stages }: Job): Promise<boolean> {
  const { rows, rejected, hash } = input;
  const channels = [...channelsOf(rows).values()];
  const inputId = createHash('sha256').update(`${hash}:${ratePerThousand}`).digest('hex').slice(0, 12);

  const campaign = await stages.run('Fund and publish the campaign', () =>
    openCampaign(access, { inputId, channels, rows, ratePerThousand }),
  );
  const creators = await stages.run('Register the creators and open their accounts', (say) =>
    registerCreators(access, channels, { inputId, known: campaign.known, say }),
  );
  const participations = await stages.run('Join the campaign', (say) => joinCampaign(campaign, creators, say));
  const snapshots = await withShortHold(access, async () => {
    const sent = await stages.run('Report the counts', (say) => ingest(access.service, rows, participations, say));
    await stages.run('Accrue', () => accrueNow(access));
    return sent;
  });
  const ids = creators.map(({ id }) => id);
  const totals = await stages.run('Hold and lock', () => untilLocked(access, ids));
  await stages.run('Pay', (say) => runMonthlyPayouts(access, say));
  const outcome = await stages.run('Compare and verify', () => gatherOutcome(access, campaign, creators, totals));

  const report = makeReport(outcome, { participations: participations.size, snapshots, rejected, stages: stages.done });
  const views = channels.flatMap(({ best }) => [...best.values()]).reduce((sum, count) => sum + BigInt(count), 0n);
  options.progress(`\n${tableOf(report, views)}`);
  if (options.report !== undefined) await writeReport(options.report, report);
  const problems = problemsOf(outcome, report, access.settings.payoutMinimum);
  show(
    problems.map((problem) => `✖ ${problem}`),
    options.progress,
  );
  return problems.length === 0;
}

function show(lines: string[], progress: (line: string) => void): void {
  for (const line of lines.slice(0, SHOWN)) progress(line);
  if (lines.length > SHOWN) progress(`  and ${lines.length - SHOWN} more`);
}
