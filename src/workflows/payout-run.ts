import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  startChild,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import {
  defineSearchAttributeKey,
  SearchAttributeType,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/common';
import type { NewPayoutRun, PayoutRunActivities, PayoutRunView } from '../activities/payout-runs.ts';
import type { PayoutActivities } from '../activities/payouts.ts';
import type { PayoutSchedule } from '../domain/payouts.ts';
import { queues, searchAttributes, workflowIds, type OperatorRequest } from './contracts.ts';
import { dbQuick, longBatch, stripeRead, stripeWrite } from './presets.ts';
import { requireReason } from './requests.ts';

export interface PayoutRunInput {
  runId: string;
  /** Where the run goes on after continuing as new: the ordinal of the first payout not yet begun. */
  next?: number;
  paused?: boolean;
}

export interface PayoutRunProgress extends PayoutRunView {
  paused: boolean;
  /** Of the due payouts, how many were begun. */
  begun: number;
}

export const payoutRunProgress = defineQuery<PayoutRunProgress | undefined>('progress');
export const pausePayoutRun = defineUpdate<string, [OperatorRequest]>('pause');
export const resumePayoutRun = defineUpdate<string, [OperatorRequest]>('resume');
export const cancelPayoutRun = defineUpdate<string, [OperatorRequest]>('cancel');
/** Payouts of the run were settled, or funds arrived. */
export const payoutRunChanged = defineSignal('payoutRunChanged');

const db = proxyActivities<PayoutRunActivities>(dbQuick);
const bulk = proxyActivities<PayoutRunActivities>(longBatch);
const stripe = proxyActivities<PayoutRunActivities>(stripeWrite);
const care = proxyActivities<PayoutActivities>({ ...stripeWrite, heartbeatTimeout: '10m' });
const stripeQuick = proxyActivities<PayoutRunActivities>(stripeRead);

const CHUNK = 200;
/** Two at a time, so that the provider's rate stays used while one ends and the next begins. */
const CHUNKS_AT_ONCE = 2;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 300_000;

/** Pays everybody who is due, in chunks, from a frozen list. See `payout` for what becomes of a payout that does not go straight. */
export async function payoutRun({ runId, next = 1, paused = false }: PayoutRunInput): Promise<PayoutRunView> {
  let view: PayoutRunView | undefined;
  let canceled = false;
  const stopped = () => canceled;
  let changed = false;

  const setStatus = async (status: 'running' | 'paused' | 'canceled', request: OperatorRequest) => {
    paused = status === 'paused';
    canceled = status === 'canceled';
    await db.setPayoutRunStatus({ runId, status, ...request });
    return status;
  };
  const validator = (request: OperatorRequest) => {
    requireReason(request);
    if (stopped()) throw new Error('The run is canceled');
  };
  setHandler(payoutRunProgress, () => view && { ...view, paused, begun: Math.min(next - 1, view.due) });
  setHandler(payoutRunChanged, () => {
    changed = true;
  });
  setHandler(pausePayoutRun, (request) => setStatus('paused', request), {
    validator,
    description: 'Begin no further payouts: { actor, reason }',
  });
  setHandler(resumePayoutRun, (request) => setStatus('running', request), {
    validator,
    description: 'Go on: { actor, reason }',
  });
  setHandler(cancelPayoutRun, (request) => setStatus('canceled', request), {
    validator,
    description: 'Pay nobody further; what was begun goes on: { actor, reason }',
  });

  const look = async (): Promise<PayoutRunView> => {
    view = await db.loadPayoutRun(runId);
    tell(view, paused, next);
    return view;
  };

  await bulk.freezePayoutRun(runId);
  const frozen = await look();
  if (!frozen.dryRun && !stopped()) await enoughFunds();

  const inFlight = new Set<Promise<void>>();
  while (!frozen.dryRun && next <= frozen.due && !stopped()) {
    if (paused) await condition(() => !paused || stopped());
    if (stopped()) break;
    const chunk = stripe.payRunChunk({ runId, from: next, to: Math.min(next + CHUNK - 1, frozen.due) });
    next += CHUNK;
    const ended: Promise<void> = chunk.finally(() => inFlight.delete(ended));
    inFlight.add(ended);
    if (inFlight.size >= CHUNKS_AT_ONCE) {
      await Promise.race(inFlight);
      await look();
    }
    if (workflowInfo().continueAsNewSuggested) {
      await Promise.all(inFlight);
      await condition(allHandlersFinished);
      await continueAsNew<typeof payoutRun>({ runId, next, paused });
    }
  }
  await Promise.all(inFlight);
  const end = await settled();
  if (!stopped())
    await db.setPayoutRunStatus({
      runId,
      status: 'completed',
      actor: 'system',
      reason: 'everybody due was paid or has a run of their own',
    });
  await condition(allHandlersFinished);
  tell({ ...end, status: stopped() ? 'canceled' : 'completed' }, false, next);
  return look();

  /** Sending without enough money at the provider would fail payouts one by one; the run waits instead. */
  async function enoughFunds(): Promise<void> {
    for (let round = 0; ; round += 1) {
      const { enough, missing } = await stripeQuick.checkLiquidity(runId);
      if (enough || stopped()) break;
      attention(true, 'checkLiquidity', `${missing} minor units are missing at the provider`);
      setCurrentDetails(`**waiting for funds** · ${missing} minor units are missing at the provider`);
      await changedWithin(pause(30_000, round));
    }
    if (workflowInfo().typedSearchAttributes.get(searchAttributes.needsAttention)) attention(false);
  }

  /** Until every payout is final or has a run of its own. Banks take days: the looks grow rare. */
  async function settled(): Promise<PayoutRunView> {
    for (let round = 0; ; round += 1) {
      const now = await look();
      if (now.open === 0) return now;
      await changedWithin(pause(FIRST_PAUSE_MS, round));
      if (round > 2) await care.careForPayouts({ runId });
    }
  }

  async function changedWithin(ms: number): Promise<void> {
    await condition(() => changed || stopped(), ms);
    changed = false;
  }
}

const pause = (firstMs: number, round: number) => Math.min(firstMs * 2 ** Math.min(round, 20), LONGEST_PAUSE_MS);

function attention(needed: boolean, step?: string, reason?: string): void {
  upsertSearchAttributes([
    { key: searchAttributes.needsAttention, value: needed },
    { key: searchAttributes.failingStep, value: step ?? null },
    { key: searchAttributes.failureReason, value: reason?.slice(0, 250) ?? null },
  ]);
}

function tell(view: PayoutRunView, paused: boolean, next: number): void {
  const state = paused ? 'paused' : view.status;
  setCurrentDetails(
    [
      `**${state}**${view.dryRun ? ' (dry run)' : ''} · ${view.completed} of ${view.due} paid, ${view.failed} failed, ${view.skipped} skipped`,
      `${view.amountPaid} of ${view.amountDue} ${view.currency} (minor units) · ${Math.min(next - 1, view.due)} begun`,
    ].join('\n\n'),
  );
}

/** Set by the server on what a schedule starts. */
const scheduledStartTime = defineSearchAttributeKey('TemporalScheduledStartTime', SearchAttributeType.DATETIME);

/** What a Temporal Schedule starts: takes the period from the scheduled time, makes the run and waits for it. */
export async function scheduledPayoutRun({
  schedule,
  currency,
}: {
  schedule: PayoutSchedule;
  currency: string;
}): Promise<PayoutRunView> {
  const { typedSearchAttributes, startTime } = workflowInfo();
  const at = typedSearchAttributes.get(scheduledStartTime) ?? startTime;
  const { runId, started } = await begin(
    { schedule, currency, dryRun: false, creatorIds: null, requestedBy: 'schedule' },
    at,
  );
  return started ? started.result() : ended(runId);
}

/** What staff ask for: makes the run, starts it and leaves it to itself. */
export async function requestPayoutRun(request: PayoutRunRequest): Promise<{ runId: string; workflowId: string }> {
  const { runId, workflowId } = await begin(request, workflowInfo().startTime);
  return { runId, workflowId };
}

export type PayoutRunRequest = Omit<NewPayoutRun, 'at' | 'requestKey'>;

/** Asked again, after a time-out or a reset, it finds the run that it began: `started` is missing then. */
async function begin(request: PayoutRunRequest, at: Date) {
  const { schedule } = request;
  const run = await db.createPayoutRun({ ...request, at: at.toISOString(), requestKey: workflowInfo().workflowId });
  const workflowId = workflowIds.payoutRun(schedule, run.period, run.sequence);
  try {
    const started = await startChild(payoutRun, {
      workflowId,
      taskQueue: queues.core,
      parentClosePolicy: 'ABANDON',
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      args: [{ runId: run.runId }],
      staticSummary: `${request.dryRun ? 'Dry run of the ' : ''}${schedule} payouts of ${run.period}`,
      typedSearchAttributes: [
        { key: searchAttributes.payoutRunId, value: run.runId },
        { key: searchAttributes.period, value: run.period },
      ],
    });
    return { runId: run.runId, workflowId, started };
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return { runId: run.runId, workflowId };
    throw error;
  }
}

async function ended(runId: string): Promise<PayoutRunView> {
  for (let round = 0; ; round += 1) {
    const view = await db.loadPayoutRun(runId);
    if (view.status === 'completed' || view.status === 'canceled') return view;
    await sleep(pause(FIRST_PAUSE_MS, round));
  }
}
