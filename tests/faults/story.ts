import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import type { Finding } from './checks.ts';
import { isAbout, readJournal } from './journal.ts';
import { describePlan, type Plan } from './plan.ts';
import type { World } from './world.ts';

const STORIES = 3;
const LOG_LINES = 15;
const FINDINGS = 40;

/** Everything that somebody needs who wants to know why. */
export async function report(world: World, plan: Plan, findings: Finding[]): Promise<string> {
  const payoutIds = [...new Set(findings.flatMap(({ payoutId }) => payoutId ?? []))].slice(0, STORIES);
  const stories: string[] = [];
  for (const id of payoutIds) stories.push(await storyOf(world, id));
  const shown = findings.slice(0, FINDINGS).map(({ what }) => `- ${what}`);
  if (findings.length > shown.length) shown.push(`- and ${findings.length - shown.length} more`);
  return [
    `${findings.length} things are wrong with seed ${plan.seed}; again: FAULT_SEED=${plan.seed} npm run test:faults`,
    ...shown,
    describePlan(plan),
    'What happened:',
    ...world.diary,
    ...stories,
    ...['worker', 'api'].map((name) => logOf(world, name)),
  ].join('\n');
}

async function storyOf(world: World, payoutId: string): Promise<string> {
  const kysely = world.orm.em.fork().getKysely();
  const { rows } = await sql<{ line: string }>`
    select to_char(at, 'HH24:MI:SS.MS') || ' ' || line as line from (
      select at, status || coalesce(' (' || detail || ')', '') as line from payout_event where payout_id = ${payoutId}
      union all
      select started_at, format('%s %s begun, tries %s', step, attempt, tries) from payout_attempt where payout_id = ${payoutId}
      union all
      select finished_at, format('%s %s %s %s', step, attempt, status, concat_ws(' ', provider_id, code, message))
        from payout_attempt where payout_id = ${payoutId} and finished_at is not null
      union all
      select recorded_at, 'ledger: ' || type || ' ' || idempotency_key from journal_entry where correlation_id = ${`payout:${payoutId}`}
      union all
      select e.received_at, format('event %s %s, handled %s', e.id, e.type, e.handled_at) from provider_event e
        join payout p on p.id = ${payoutId} and (e.object_id in (p.transfer_id, p.bank_payout_id) or e.account = p.destination)
    ) story order by at`.execute(kysely);
  const { rows: now } = await sql<{
    row: object;
  }>`select to_jsonb(p) as row from payout p where id = ${payoutId}`.execute(kysely);
  const requests = (await readJournal(world.control))
    .filter((entry) => isAbout(entry, payoutId))
    .map(
      ({ seq, method, path, idempotency_key: key, effect }) =>
        `  ${seq}: ${method} ${path} ${key ?? ''} → ${effect ? `${effect.type} ${effect.id} ${effect.amount}` : 'nothing'}`,
    );
  return [
    `Payout ${payoutId}:`,
    ...rows.map(({ line }) => `  ${line}`),
    `  now ${JSON.stringify(now[0]?.row)}`,
    'requests about it:',
    ...requests,
    await workflowOf(world, payoutId),
  ].join('\n');
}

async function workflowOf({ temporal }: World, payoutId: string): Promise<string> {
  const lines: string[] = [];
  for await (const { status, startTime, historyLength } of temporal.client.workflow.list({
    query: `WorkflowId = 'payout/${payoutId}'`,
  })) {
    lines.push(`  run of its own since ${startTime.toISOString()}: ${status.name}, ${historyLength} events`);
  }
  return lines.length > 0 ? lines.join('\n') : '  it has no run of its own';
}

function logOf({ stack }: World, name: string): string {
  const lines = readFileSync(join(stack.dataDir, 'logs', `${name}.log`), 'utf8')
    .trim()
    .split('\n');
  const tail = lines.slice(-LOG_LINES).map((line) => `  ${line.slice(0, 400)}`);
  return [`The end of the log of ${name}:`, ...tail].join('\n');
}
