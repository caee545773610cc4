import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import { isTransientFailure } from '../../src/domain/payouts.ts';
import { findWrong, type Finding } from './checks.ts';
import { gather, readPayouts, runningWorkflows, unhandledEvents } from './evidence.ts';
import { movementsIn, readJournal } from './journal.ts';
import { makePayees, type Payee } from './payees.ts';
import { CREATORS, planOf, type Plan } from './plan.ts';
import { askForRun, disturb, runWhen } from './run.ts';
import { report } from './story.ts';
import { startWorld, type World } from './world.ts';

/** After the last disturbance; a payout may have to be tried again several times, with growing pauses. */
const QUIET_WITHIN_MS = 180_000;

const seeds = seedsOf(process.env);

test.each(seeds)(
  `a run of ${CREATORS} payouts under kills and faults moves each payout's money exactly once (seed %i)`,
  async (seed) => {
    process.stdout.write(`fault seed ${seed}\n`);
    const plan = planOf(seed);
    const world = await startWorld();
    try {
      const findings = await play(world, plan).catch((error: unknown) => [{ what: inspect(error) }]);
      if (findings.length > 0) throw new Error(await report(world, plan, findings));
    } finally {
      await world.stop();
    }
  },
  600_000,
);

test('a seed decides everything that chance decides', () => {
  expect(planOf(7)).toEqual(planOf(7));
  expect(planOf(7)).not.toEqual(planOf(8));
});

/** `FAULT_SEED`: that one. `FAULT_SEEDS`: so many new ones. Otherwise the same two each time. */
function seedsOf({ FAULT_SEED: one, FAULT_SEEDS: count }: NodeJS.ProcessEnv): number[] {
  if (one) return [Number(one)];
  if (count) return Array.from({ length: Number(count) }, () => Math.floor(Math.random() * 2 ** 31));
  return [1, 2];
}

async function play(world: World, plan: Plan): Promise<Finding[]> {
  const payees = await makePayees(world, plan.creators);
  world.note('the creators are there');
  const firstSeq = (await readJournal(world.control)).at(-1)?.seq ?? 0;
  const disturbed = disturb(world, plan, firstSeq);
  const [runId] = await Promise.all([
    askForRun(
      world,
      `faults-${plan.seed}`,
      payees.map(({ creatorId }) => creatorId),
    ),
    disturbed,
  ]);
  const restless = await untilQuiet(world, runId);
  world.note(restless ? 'it does not become quiet' : 'everything is quiet');
  const run = await runWhen(world, runId, () => true, 30_000);
  const evidence = await gather(world);
  const findings = findWrong({ plan, payees, run, evidence });
  if (restless) return [restless, ...findings];
  return [...findings, ...(await paidAgain(world, payees))];
}

/** Waits until nothing will happen any more by itself. Says what is still going on when the time is over. */
async function untilQuiet(world: World, runId: string): Promise<Finding | undefined> {
  const deadline = Date.now() + QUIET_WITHIN_MS;
  let before: string | undefined;
  for (;;) {
    const restless = await whatGoesOn(world, runId);
    if (!restless || Date.now() > deadline) return restless;
    if (restless.what !== before) world.note(restless.what);
    before = restless.what;
    await sleep(500);
  }
}

async function whatGoesOn(world: World, runId: string): Promise<Finding | undefined> {
  const open = (await readPayouts(world)).find(
    ({ status, needs_return: needsReturn, failure_code: code }) =>
      !['completed', 'failed'].includes(status) || needsReturn || (status === 'failed' && isTransientFailure(code)),
  );
  if (open) return { what: `payout ${open.id} is still ${open.status}`, payoutId: open.id };
  const [event] = await unhandledEvents(world);
  if (event) return { what: `event ${event} is still not handled` };
  const { status } = await runWhen(world, runId, () => true, 30_000);
  if (status !== 'completed') return { what: `the run is still ${status}` };
  const running = (await runningWorkflows(world)).find(({ needsAttention }) => !needsAttention);
  return running && { what: `the workflow ${running.workflowId} still runs` };
}

/** A second run for the same creators, without any fault: nobody's money may move. */
async function paidAgain(world: World, payees: Payee[]): Promise<Finding[]> {
  await fetch(`${world.stack.sandboxUrl}/_sandbox/faults`, { method: 'DELETE' });
  const before = (await readJournal(world.control)).at(-1)?.seq ?? 0;
  const runId = await askForRun(
    world,
    'faults-again',
    payees.map(({ creatorId }) => creatorId),
  );
  const run = await runWhen(world, runId, ({ status }) => status === 'completed', 60_000);
  const moved = movementsIn(await readJournal(world.control, before));
  return [
    ...moved.map(({ type, id, payoutId }) => ({
      what: `the second run made the ${type} ${id}`,
      ...(payoutId && { payoutId }),
    })),
    ...(run.amount_paid === 0 ? [] : [{ what: `the second run says that it paid ${run.amount_paid}` }]),
  ];
}
