import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import pLimit from 'p-limit';
import { attemptKey, KEY_LIFETIME_MS, transferGroup } from '../domain/payouts.ts';
import type { PostedBy } from '../ledger/post.ts';
import type { StripeProvider } from '../providers/stripe/client.ts';
import { StripeFailure } from '../providers/stripe/errors.ts';
import { beginAttempts, outcomeRecorder, type Batcher, type Outcome } from './payout-outcomes.ts';

/** Enough to keep the provider's rate busy whatever its latency; the provider's pace is kept by the client. */
const CONCURRENCY = 48;
const RATE_LIMIT_PAUSE_MS = 1000;
const HEARTBEAT_MS = 5000;
/** So long a request that we gave up waiting for may still arrive: a refusal of its repetition proves nothing before. */
const IN_FLIGHT_MS = 120_000;

interface PayoutInHand {
  id: string;
  attempt: number;
  amount: string;
  currency: string;
  destination: string | null;
  transfer_id: string | null;
  bank_payout_id: string | null;
  status: string;
}

type Begun = { tries: number; startedAt: Date };
type Settled = Omit<Outcome, 'payoutId' | 'attempt' | 'tries' | 'step'>;

export interface PayContext {
  orm: MikroORM;
  stripe: StripeProvider;
  by: PostedBy;
  signal: AbortSignal;
  heartbeat: () => void;
}

/**
 * Pays reserved payouts through Stripe: reads the account once more, transfers, then pays out to the bank, each step announced in a row
 * before and recorded after. A step that an earlier process announced, or whose outcome is unknown, is looked up at Stripe before
 * it is tried again. Every outcome is recorded; this function only throws when the database or the process fails.
 */
export async function payThroughStripe(ids: string[], context: PayContext): Promise<void> {
  const { payouts, begun } = await context.orm.em.fork().transactional((em) => takeInHand(em, ids));
  const recorder = outcomeRecorder(context.orm, context.by);
  const limit = pLimit(CONCURRENCY);
  const failures: unknown[] = [];
  // a call may take as long as Stripe takes; that this process lives has to be told more often
  const beat = setInterval(context.heartbeat, HEARTBEAT_MS);
  await limit.map(payouts, async (payout) => {
    // nothing new begins after a failure, and what is under way ends before the next try begins
    if (failures.length > 0) return;
    try {
      context.signal.throwIfAborted();
      await payOne(payout, begun.get(payout.id), recorder, context);
    } catch (error) {
      failures.push(error);
    }
  });
  clearInterval(beat);
  if (failures.length > 0) throw failures[0];
}

/** The payouts stay locked until their tries are counted, so that a refusal written by an earlier try is seen, or gives way. */
async function takeInHand(
  em: EntityManager,
  ids: string[],
): Promise<{ payouts: PayoutInHand[]; begun: Map<string, Begun> }> {
  const { rows: payouts } = await sql<PayoutInHand>`
    select id, attempt, amount, currency, destination, transfer_id, bank_payout_id, status from payout
     where id = any (${ids}::uuid[]) and method = 'stripe' and status in ('processing', 'outcome_unknown') and not needs_return
     order by id for update`.execute(em.getKysely());
  const begun = await beginAttempts(
    em,
    'transfer',
    payouts.filter((p) => p.transfer_id === null),
  );
  return { payouts, begun };
}

async function payOne(
  payout: PayoutInHand,
  begun: Begun | undefined,
  recorder: Batcher<Outcome>,
  context: PayContext,
): Promise<void> {
  const record = (step: Outcome['step'], settled: Settled) => {
    // a call that was given up says nothing; the next try looks it up
    if (settled.result !== 'succeeded') context.signal.throwIfAborted();
    return recorder.add({ payoutId: payout.id, attempt: payout.attempt, tries: begun?.tries ?? 0, step, ...settled });
  };
  if (payout.transfer_id === null) {
    const settled = await transfer(payout, begun, context);
    await record('transfer', settled);
    if (settled.result !== 'succeeded') return;
  }
  await record('bank_payout', await bankPayout(payout, context));
}

async function transfer(payout: PayoutInHand, begun: Begun | undefined, context: PayContext): Promise<Settled> {
  const { stripe, signal } = context;
  const { id, attempt, currency, destination } = payout;
  const firstTry = begun?.tries === 1 && payout.status === 'processing';
  if (destination === null)
    return { result: 'refused', code: 'onboarding_incomplete', message: 'There is no Stripe account to pay to' };
  const refusal = firstTry ? await refusalOfAccount(destination, context) : undefined;
  if (refusal) return refusal;
  const group = transferGroup(id, attempt);
  return settle({
    firstTry,
    startedAt: begun?.startedAt ?? new Date(),
    lookUp: async () => (await stripe.findTransfers({ transferGroup: group }, signal))[0]?.id,
    send: async () => {
      const amount = BigInt(payout.amount);
      const idempotencyKey = attemptKey(id, 'transfer', attempt);
      const metadata = { attempt: String(attempt) };
      const sent = { payoutId: id, amount, currency, destination, transferGroup: group, idempotencyKey, metadata };
      return (await stripe.createTransfer(sent, signal)).id;
    },
  });
}

async function bankPayout(payout: PayoutInHand, { orm, stripe, signal }: PayContext): Promise<Settled> {
  const { id, attempt, currency } = payout;
  const account = payout.destination ?? '';
  const resumed = payout.transfer_id !== null;
  const begun = resumed
    ? await orm.em.fork().transactional((em) => beginAttempts(em, 'bank_payout', [payout]))
    : new Map<string, Begun>();
  return settle({
    firstTry: !resumed,
    startedAt: begun.get(id)?.startedAt ?? new Date(),
    lookUp: async () => {
      const made = await stripe.findBankPayouts({ account, payoutId: id, createdAfter: new Date(0) }, signal);
      return made.find(({ metadata }) => metadata['attempt'] === String(attempt))?.id;
    },
    send: async () => {
      const amount = BigInt(payout.amount);
      const idempotencyKey = attemptKey(id, 'bank_payout', attempt);
      const metadata = { attempt: String(attempt) };
      return (
        await stripe.createBankPayout({ account, payoutId: id, amount, currency, idempotencyKey, metadata }, signal)
      ).id;
    },
  });
}

/** Payouts may have been switched off without a word: the account is read again before money leaves. */
async function refusalOfAccount(account: string, { stripe, signal }: PayContext): Promise<Settled | undefined> {
  try {
    const { payoutsEnabled, transfersEnabled, disabledReason } = await patiently(() =>
      stripe.retrieveAccount(account, signal),
    );
    if (payoutsEnabled && transfersEnabled) return undefined;
    return {
      result: 'refused',
      code: 'account_restricted',
      message: disabledReason ?? 'Stripe does not pay out to this account now',
    };
  } catch (error) {
    const { message, requestId } = stripeFailure(error);
    return { result: 'refused', code: 'provider_unavailable', message, requestId };
  }
}

interface ProviderStep {
  firstTry: boolean;
  startedAt: Date;
  lookUp: () => Promise<string | undefined>;
  send: () => Promise<string>;
}

/** Sends once; where somebody may have sent before, looks first. */
async function settle(step: ProviderStep): Promise<Settled> {
  try {
    return step.firstTry ? await sendFirst(step) : await sendAgain(step);
  } catch (error) {
    return notDone('unknown', stripeFailure(error));
  }
}

async function sendFirst({ send }: ProviderStep): Promise<Settled> {
  try {
    return { result: 'succeeded', providerId: await patiently(send) };
  } catch (error) {
    const failure = stripeFailure(error);
    return notDone(failure.kind === 'unknown' ? 'unknown' : 'refused', failure);
  }
}

/**
 * A key that Stripe may have forgotten is not sent again. An error of Stripe's own is kept under the key: once a look-up after it shows
 * nothing, nothing will come of that key. A refusal is not kept, so an earlier request may still arrive for a while.
 */
async function sendAgain({ startedAt, lookUp, send }: ProviderStep): Promise<Settled> {
  const found = await patiently(lookUp);
  if (found !== undefined) return { result: 'succeeded', providerId: found };
  const ageMs = Date.now() - startedAt.getTime();
  if (ageMs > KEY_LIFETIME_MS) {
    return {
      result: 'refused',
      code: 'never_arrived',
      message: 'Stripe knows nothing of the request, and its key is too old to be sent again',
    };
  }
  try {
    return { result: 'succeeded', providerId: await patiently(send) };
  } catch (error) {
    const failure = stripeFailure(error);
    const keptUnderKey = (failure.httpStatus ?? 0) >= 500;
    const settled = keptUnderKey || (failure.kind !== 'unknown' && ageMs > IN_FLIGHT_MS);
    if (!settled) return notDone('unknown', failure);
    const late = await patiently(lookUp);
    return late === undefined ? notDone('refused', failure) : { result: 'succeeded', providerId: late };
  }
}

function notDone(result: 'refused' | 'unknown', { kind, code, message, requestId }: StripeFailure): Settled {
  return { result, code: codeOf(kind, code), message, requestId };
}

function codeOf(kind: StripeFailure['kind'], code: string): string {
  return kind === 'unavailable_before_send' || kind === 'auth' ? 'provider_unavailable' : code;
}

/** Waits as long as Stripe only says "too many requests", which does nothing. */
async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof StripeFailure) || error.kind !== 'rate_limited') throw error;
      await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs ?? RATE_LIMIT_PAUSE_MS));
    }
  }
}

function stripeFailure(error: unknown): StripeFailure {
  if (error instanceof StripeFailure) return error;
  throw error;
}
