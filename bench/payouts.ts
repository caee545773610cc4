import { openOrm } from '../src/database/orm.ts';
import { loadSettings } from '../src/config.ts';
import { verifyLedger } from '../src/ledger/verify.ts';
import { freePort } from '../src/local/ports.ts';
import type { Stack } from '../src/local/stack.ts';
import { connectTemporal } from '../src/temporal.ts';
import { perSecond, type Finding, type Section } from './findings.ts';
import { startPart, urlsOf } from './installation.ts';
import { historyEvents, payAll, watchMemory, type Bench, type RunResult } from './payout-runs.ts';
import { NO_SUCH_ACCOUNT, seedPayees, type Payee } from './payout-seed.ts';
import { startRedis } from './redis.ts';
import { prepareRival, startRival } from './rival.ts';
import { median } from './rounds.ts';

const SMALL = 1000;
const MIDDLE = 2000;
const LARGE = 10_000;
const FAILING = MIDDLE / 100;
const ROUNDS = 3;
const STRIPE_DEFAULT = 25;

export const unlimited = {
  STRIPE_RATE_LIMIT: '0',
  SANDBOX_STRIPE_RATE_LIMIT: '0',
  SANDBOX_PAYOUT_DELAY: '100ms',
  SANDBOX_STRIPE_WEBHOOK_EVENTS: 'payout.paid,payout.failed',
};

/** Runs of payouts through API, Temporal, worker and the provider sandbox, each a process of its own. */
export async function benchPayouts(stack: Stack): Promise<Section> {
  const orm = await openOrm(urlsOf(stack).app, 4);
  const temporal = await connectTemporal(loadSettings(stack.env));
  try {
    const stripe = { secretKey: stack.env['STRIPE_SECRET_KEY'] ?? '', apiBase: stack.sandboxUrl };
    const payees = await seedPayees(orm, stripe, LARGE);
    const refused = await seedPayees(orm, stripe, FAILING, NO_SUCH_ACCOUNT);
    const bench: Bench = { stack, orm, token: await login(stack) };
    console.log(`payouts: ${LARGE} creators are there`);

    const findings: Finding[] = [];
    const found = (some: Finding[]): void => {
      findings.push(...some);
      for (const { what, value, from } of some) console.log(`payouts: ${value.toFixed(2)} ${what} (${from})`);
    };
    const rivalry = await againstRival(bench, payees.slice(0, MIDDLE));
    found(rivalry.findings);
    found([await eventsPerPayout(bench, temporal.client, payees.slice(0, MIDDLE))]);
    found(await smallAndLarge(bench, payees));
    found([await withFailures(bench, payees, refused)]);
    found([await atStripesPace(bench, payees.slice(0, MIDDLE))]);
    const { differences } = await verifyLedger(orm.em.fork());
    if (differences.length > 0) throw new Error(`the ledger does not add up: ${JSON.stringify(differences)}`);
    return { title: 'Payout runs', findings, notes: [...notes, ...rivalry.notes] };
  } finally {
    await temporal.close();
    await orm.close(true);
  }
}

const notes = [
  `A run pays creators $50 each through the Stripe sandbox: frozen list, reserve, account read, transfer, bank payout, webhook, settle; asked for at the API, with earnings, line items and the double-entry ledger. API, worker, Temporal, sandbox and PostgreSQL are processes of this one machine, and so is the benchmark. Seconds count from the request until the last payout was settled by its webhook. The sandbox's bank decides after 0.1 s here.`,
  'At Stripe’s default limits the sandbox refuses more than 25 requests a second to one endpoint, with 429; the rate is that of bank payouts made, from the first to the last. Everywhere else both sides have no limit.',
  'Temporal events: the lengths of all histories on the server after a run, less those before: the run, the request for it, the inbox of webhooks, and whatever the schedules did meanwhile.',
  'Worker memory is flat where a run of ten times as many payouts has a peak of at most 1.25 times that of the small ones before it.',
  `The failing payouts go to Stripe’s test account number ${NO_SUCH_ACCOUNT} (no_account): each is transferred, paid out, reported failed by webhook, fetched back by a reversal, returned to the creator’s balance and parked in a run of its own; the run counts as over when all that is done.`,
  'Afterwards the whole ledger was rebuilt from its postings and agreed.',
];

async function login({ apiUrl, admin }: Stack): Promise<string> {
  const response = await fetch(`${apiUrl}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(admin),
  });
  const { access_token: token } = (await response.json()) as { access_token: string };
  return token;
}

async function againstRival(bench: Bench, payees: Payee[]): Promise<{ findings: Finding[]; notes: string[] }> {
  const { stack } = bench;
  const redisPort = await startRedis(stack);
  if (redisPort === undefined) {
    return { findings: [], notes: ['There is no `redis-server` here, so the comparison with BullMQ was left out.'] };
  }
  await prepareRival(stack, payees);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const count = round === 0 ? 200 : payees.length;
    const turns = [
      async () => ours.push(count / (await payAll(bench, payees.slice(0, count))).seconds),
      async () => theirs.push(count / (await rivalPays(stack, redisPort, payees.slice(0, count)))),
    ];
    for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn();
  }
  await stack.processes.stop('redis');
  const [, ...rates] = ours.map((rate, round) => ({ rate, ratio: rate / theirs[round]! }));
  return {
    findings: [
      {
        what: `payouts per second of a run of ${payees.length} without limits, against BullMQ on Redis`,
        value: median(rates.map(({ ratio }) => ratio)),
        target: { atLeast: 1 },
        from: `${perSecond(median(rates.map(({ rate }) => rate)))} of ${perSecond(median(theirs.slice(1)))}`,
      },
    ],
    notes: [
      `The rival (\`bench/bullmq-rival.ts\`) is one process with BullMQ on a Redis that appends to a file and syncs it each second: a job per payout, 50 at once, with the same Stripe client against the same sandbox: reserve, account read, transfer, record, bank payout, record, each database step one prepared statement and transaction (fsync on, pool of 20) on lean tables with one entry and two postings a step, without triggers, hashes or line items. Both settle by the sandbox’s signed webhooks: ours through the API, the inbox table and a workflow; the rival’s through its own HTTP server, an event table and a second queue, 50 at once. ${ROUNDS} rounds in turns after a warm-up; before each of the rival’s the sandbox is restarted to send webhooks there. Our API, worker and Temporal stay up and idle meanwhile, as Redis does in ours.`,
    ],
  };
}

async function rivalPays(stack: Stack, redisPort: number, payees: Payee[]): Promise<number> {
  const port = await freePort();
  const own = stack.env['SANDBOX_STRIPE_WEBHOOK_URL'];
  await restart(stack, { SANDBOX_STRIPE_WEBHOOK_URL: `http://127.0.0.1:${port}/webhooks` }, 'sandbox');
  const rival = await startRival(stack, redisPort, port);
  try {
    return await rival.pay(payees);
  } finally {
    await rival.stop();
    await restart(stack, { SANDBOX_STRIPE_WEBHOOK_URL: own }, 'sandbox');
  }
}

const partOf = { sandbox: 'Provider sandbox', worker: 'Worker' } as const;

async function restart(
  stack: Stack,
  settings: Record<string, string | undefined>,
  ...names: (keyof typeof partOf)[]
): Promise<void> {
  await stack.processes.stop(...names);
  Object.assign(stack.env, settings);
  for (const name of names) await startPart(stack, partOf[name]);
}

async function eventsPerPayout(
  bench: Bench,
  client: Parameters<typeof historyEvents>[0],
  payees: Payee[],
): Promise<Finding> {
  const before = await historyEvents(client);
  await payAll(bench, payees);
  const events = (await historyEvents(client)) - before;
  return {
    what: `Temporal history events per payout, run of ${payees.length}`,
    value: events / payees.length,
    target: { atMost: 0.99 },
    from: `${events} events`,
  };
}

async function smallAndLarge(bench: Bench, payees: Payee[]): Promise<Finding[]> {
  const workerPid = () => bench.stack.processes.pid('worker');
  const small = watchMemory(workerPid);
  const smalls: RunResult[] = [];
  for (let round = 0; round < ROUNDS; round += 1) smalls.push(await payAll(bench, payees.slice(0, SMALL)));
  const before = small.stop();
  const large = watchMemory(workerPid);
  const { seconds } = await payAll(bench, payees);
  const memory = large.stop();
  const smallSeconds = median(smalls.map((run) => run.seconds));
  const mb = (value: number) => `${Math.round(value)} MB`;
  return [
    {
      what: `cost per payout of a run of ${LARGE} against runs of ${SMALL}`,
      value: seconds / LARGE / (smallSeconds / SMALL),
      target: { atMost: 1.1 },
      from: `${((seconds / LARGE) * 1000).toFixed(2)} ms to ${((smallSeconds / SMALL) * 1000).toFixed(2)} ms`,
    },
    {
      what: `worker's resident memory, peak in the run of ${LARGE} against peak in those of ${SMALL}`,
      value: memory.peak / before.peak,
      target: { atMost: 1.25 },
      from: `start ${mb(memory.start)}, peak ${mb(memory.peak)}, end ${mb(memory.end)}; before: peak ${mb(before.peak)}`,
    },
  ];
}

async function withFailures(bench: Bench, payees: Payee[], refused: Payee[]): Promise<Finding> {
  const clean = await payAll(bench, payees.slice(0, MIDDLE));
  const mixed = await payAll(bench, [...payees.slice(0, MIDDLE - refused.length), ...refused], refused.length);
  await bench.orm.em
    .getConnection()
    .execute(`update creator set status = 'banned' where id = any (?)`, [`{${refused.map(({ id }) => id).join(',')}}`]);
  return {
    what: `time of a run of ${MIDDLE} with ${refused.length} failing against one without`,
    value: mixed.seconds / clean.seconds,
    target: { atMost: 1.3 },
    from: `${mixed.seconds.toFixed(1)} s to ${clean.seconds.toFixed(1)} s`,
  };
}

async function atStripesPace(bench: Bench, payees: Payee[]): Promise<Finding> {
  const limits = { STRIPE_RATE_LIMIT: String(STRIPE_DEFAULT), SANDBOX_STRIPE_RATE_LIMIT: String(STRIPE_DEFAULT) };
  await restart(bench.stack, limits, 'sandbox', 'worker');
  const { paidPerSecond } = await payAll(bench, payees);
  return {
    what: `payouts per second of a run of ${payees.length} at Stripe's default limits, against the limit`,
    value: paidPerSecond / STRIPE_DEFAULT,
    target: { atLeast: 0.95 },
    from: `${paidPerSecond.toFixed(2)}/s of ${STRIPE_DEFAULT}/s`,
  };
}
