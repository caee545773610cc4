/**
 * The rival: the same payouts, each a BullMQ job with its own Postgres transactions, 50 at a time. A process of its own, told by the
 * environment; takes `{ payees, amount }` by message, answers with the seconds from then until the last payout was settled.
 *
 * Written to be fast: each step is one prepared statement that is its own transaction, on lean tables without triggers.
 */
import { createServer } from 'node:http';
import { Queue, Worker, type ConnectionOptions, type Job } from 'bullmq';
import pg from 'pg';
import { createStripeProvider } from '../src/providers/stripe/client.ts';
import { verifyWebhook } from '../src/providers/stripe/webhook.ts';
import type { Payee } from './payout-seed.ts';

const CONCURRENCY = 50;

export interface RivalTask {
  payees: Payee[];
  amount: number;
}

interface PayJob {
  payoutId: string;
  payee: Payee;
  amount: number;
}

interface Word {
  payoutId: string;
  bankPayoutId: string;
}

const setting = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};

const connection: ConnectionOptions = { host: '127.0.0.1', port: Number(setting('REDIS_PORT')) };
const pool = new pg.Pool({ connectionString: setting('DATABASE_URL'), max: 20 });
const stripe = createStripeProvider({
  secretKey: setting('STRIPE_SECRET_KEY'),
  apiBase: setting('STRIPE_API_BASE'),
  rateLimit: 0,
});
const settlements = new Queue<Word>('settlements', { connection, defaultJobOptions: { removeOnComplete: true } });
const payouts = new Queue<PayJob>('payouts', { connection, defaultJobOptions: { removeOnComplete: true } });

const entry = (type: string, from: string, to: string, source: string) => `
  entry as (insert into rival_entry (payout_id, type) select id, '${type}' from ${source} returning id, payout_id),
  lines as (
    insert into rival_posting (entry_id, line, account, amount)
    select e.id, l.line, l.account, l.sign * s.amount
      from entry e join ${source} s on s.id = e.payout_id, (values (1, '${from}', -1), (2, '${to}', 1)) as l (line, account, sign))`;

const statements = {
  reserve: `
    with debited as (
      update rival_account set available = available - $3, in_payout = in_payout + $3 where creator_id = $2 and available >= $3 returning creator_id),
    made as (insert into rival_payout (id, creator_id, amount, status) select $1, creator_id, $3, 'processing' from debited returning id, amount),
    ${entry('reserved', 'available', 'in_payout', 'made')}
    select id from made`,
  sent: `
    with sent as (update rival_payout set transfer_id = $2 where id = $1 returning id, creator_id, amount),
    credited as (update rival_account a set in_payout = in_payout - s.amount from sent s where a.creator_id = s.creator_id),
    ${entry('sent', 'in_payout', 'clearing', 'sent')}
    select id from sent`,
  inTransit: `update rival_payout set bank_payout_id = $2, status = case when status = 'completed' then status else 'in_transit' end where id = $1`,
  event: `insert into rival_event (id, payload) values ($1, $2) on conflict do nothing`,
  settle: `
    with settled as (
      update rival_payout set status = 'completed', bank_payout_id = $2, completed_at = clock_timestamp()
       where id = $1 and status <> 'completed' returning id, amount),
    ${entry('settled', 'clearing', 'cash', 'settled')}
    select id from settled`,
};

const run = async (name: keyof typeof statements, values: unknown[]): Promise<number> =>
  (await pool.query({ name, text: statements[name], values })).rowCount ?? 0;

let left = 0;
let finished: (() => void) | undefined;

async function pay({ data: { payoutId, payee, amount } }: Job<PayJob>): Promise<void> {
  if ((await run('reserve', [payoutId, payee.id, amount])) !== 1) throw new Error(`${payee.id} has not enough`);
  const account = await stripe.retrieveAccount(payee.account);
  if (!account.payoutsEnabled || !account.transfersEnabled) throw new Error(`${payee.account} is restricted`);
  const shared = { payoutId, amount: BigInt(amount), currency: 'USD' };
  const transfer = await stripe.createTransfer({
    ...shared,
    destination: payee.account,
    transferGroup: payoutId,
    idempotencyKey: `transfer:${payoutId}`,
  });
  await run('sent', [payoutId, transfer.id]);
  const bankPayout = await stripe.createBankPayout({
    ...shared,
    account: payee.account,
    idempotencyKey: `payout:${payoutId}`,
  });
  await run('inTransit', [payoutId, bankPayout.id]);
}

async function settle({ data: { payoutId, bankPayoutId } }: Job<Word>): Promise<void> {
  const settled = await run('settle', [payoutId, bankPayoutId]);
  left -= settled;
  if (left === 0) finished?.();
}

const workers = [
  new Worker<PayJob>('payouts', pay, { connection, concurrency: CONCURRENCY }),
  new Worker<Word>('settlements', settle, { connection, concurrency: CONCURRENCY }),
];
for (const worker of workers) {
  worker.on('failed', (_job, error) => {
    process.stderr.write(`${String(error.stack)}\n`);
    process.exit(1);
  });
}

async function receive(body: Buffer, signature: string | undefined): Promise<number> {
  const event = verifyWebhook(body, signature, [setting('STRIPE_WEBHOOK_SECRET')]);
  if (!event) return 400;
  await run('event', [event.id, body.toString()]);
  const { data } = JSON.parse(body.toString()) as { data: { object: { id: string; metadata: { payout_id: string } } } };
  const word = { payoutId: data.object.metadata.payout_id, bankPayoutId: data.object.id };
  await settlements.add('settle', word, { jobId: event.id });
  return 200;
}

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    receive(Buffer.concat(parts), request.headers['stripe-signature'] as string | undefined).then(
      (status) => response.writeHead(status).end(),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        response.writeHead(500).end();
      },
    );
  });
});

async function perform({ payees, amount }: RivalTask): Promise<number> {
  left = payees.length;
  const done = new Promise<void>((resolve) => (finished = resolve));
  const startedAt = performance.now();
  const jobs = payees.map((payee) => {
    const payoutId = crypto.randomUUID();
    return { name: 'pay', data: { payoutId, payee, amount }, opts: { jobId: payoutId } };
  });
  await payouts.addBulk(jobs);
  await done;
  return (performance.now() - startedAt) / 1000;
}

await Promise.all(workers.map((worker) => worker.waitUntilReady()));
server.listen(Number(setting('RIVAL_PORT')), '127.0.0.1', () => process.send?.('ready'));
process.on('message', (task: RivalTask) => {
  void perform(task).then((seconds) => process.send?.({ seconds }));
});
process.on('disconnect', () => process.exit(0));
