import {
  ActivityFailure,
  ApplicationFailure,
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
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { isTransientFailure } from '../domain/payouts.ts';
import type { PayoutActivities, PayoutRequest, PayoutView } from '../activities/payouts.ts';
import { searchAttributes, type OperatorRequest } from './contracts.ts';
import { dbQuick, stripeRead, stripeWrite } from './presets.ts';
import { requireReason } from './requests.ts';

export interface PayoutInput {
  payoutId: string;
  /** Who asks for what: the run begins by making the payout. Without it the payout exists. */
  request?: PayoutRequest;
}

/** Something happened to the payout outside of this run: look at it again. */
export const payoutChanged = defineSignal('payoutChanged');
/** Answers when the payout is made and its money set aside, or with the refusal. */
export const payoutRequested = defineUpdate<string>('requested');
export const payoutState = defineQuery<PayoutView | undefined>('payoutState');
export const approvePayout = defineUpdate<string, [OperatorRequest]>('approve');
export const rejectPayout = defineUpdate<string, [OperatorRequest]>('reject');
export const retryPayout = defineUpdate<string, [OperatorRequest]>('retry');
/** Ends a payout that has not left: pending, approved, held or failed. */
export const cancelPayout = defineUpdate<string, [OperatorRequest]>('abort');

const db = (summary: string) => proxyActivities<PayoutActivities>({ ...dbQuick, summary });
const stripe = (summary: string) => proxyActivities<PayoutActivities>({ ...stripeWrite, summary });
const stripeQuick = (summary: string) => proxyActivities<PayoutActivities>({ ...stripeRead, summary });

const AUTOMATIC_RETRIES = 8;
const FIRST_RETRY_MS = 5_000;
const FIRST_POLL_MS = 15_000;
const FIRST_LOOK_UP_MS = 1_000;
const LONGEST_PAUSE_MS = 3_600_000;

/** 1×, 2×, 4×… of the first pause, an hour at most. */
const pause = (firstMs: number, round: number) => Math.min(firstMs * 2 ** Math.min(round, 20), LONGEST_PAUSE_MS);

/**
 * One payout from request to finality. The database says how it stands; each round looks there and does the one next thing, so
 * that a reset, a replay or a second run changes nothing about the money.
 */
export async function payout({ payoutId, request }: PayoutInput): Promise<string> {
  let view: PayoutView | undefined;
  let changed = false;
  let round = 0;
  let retries = 0;

  const decide = (decision: 'approve' | 'reject' | 'retry' | 'cancel') => async (request: OperatorRequest) => {
    const status = await db(`${decision}, says ${request.actor}`).decidePayout({ payoutId, decision, ...request });
    retries = 0;
    changed = true;
    return status;
  };
  const validator = requireReason;
  setHandler(payoutState, () => view);
  setHandler(payoutChanged, () => {
    changed = true;
  });
  setHandler(approvePayout, decide('approve'), { validator, description: 'Pay it: { actor, reason }' });
  setHandler(rejectPayout, decide('reject'), {
    validator,
    description: 'Do not pay it, the money stays in the balance: { actor, reason }',
  });
  setHandler(retryPayout, decide('retry'), {
    validator,
    description: 'Try a failed or held payout again: { actor, reason }',
  });
  setHandler(cancelPayout, decide('cancel'), {
    validator,
    description: 'Give it up, the money stays in the balance: { actor, reason }',
  });

  /** True when something happened, false when the time passed. */
  const changedWithin = async (summary: string, ms?: number): Promise<boolean> => {
    if (ms === undefined) await condition(() => changed);
    else await condition(() => changed, ms, { summary });
    round = changed ? 0 : round + 1;
    return changed;
  };

  let made: ApplicationFailure | true | undefined = request ? undefined : true;
  setHandler(
    payoutRequested,
    async () => {
      await condition(() => made !== undefined);
      if (made instanceof ApplicationFailure) throw made;
      return payoutId;
    },
    { description: 'Answers when the payout is made; sent by the API' },
  );
  if (request) made = await make(payoutId, request);
  if (made instanceof ApplicationFailure) {
    await condition(allHandlersFinished);
    setCurrentDetails(`**refused** · ${made.message}`);
    return 'refused';
  }

  for (;;) {
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof payout>({ payoutId });
    }
    changed = false;
    const before = view?.status;
    view = await db('How does it stand?').loadPayout(payoutId);
    if (view.status !== before) round = 0;
    tell(view);

    if (view.needsReturn) {
      const { returned, reason = '' } = await stripe('Fetch the money back').returnMoney(payoutId);
      if (!returned) {
        needAttention('returnMoney', reason);
        await changedWithin('Try to fetch the money back again', pause(FIRST_RETRY_MS, round));
      }
      continue;
    }
    switch (view.status) {
      case 'pending':
        await changedWithin('A decision');
        break;
      case 'approved':
        calm();
        await db('Set the money aside').reservePayouts([payoutId]);
        break;
      case 'processing':
        await stripe('Transfer, then pay out to the bank').payPayouts([payoutId]);
        break;
      case 'in_transit':
        if (!(await changedWithin('The word of the bank', pause(FIRST_POLL_MS, round))))
          await stripeQuick('Ask the provider').pollPayout(payoutId);
        break;
      case 'outcome_unknown':
        if (round > 0) await sleep(pause(FIRST_LOOK_UP_MS, round), { summary: 'Before it is looked up again' });
        await stripe('Look up what became of it').payPayouts([payoutId]);
        round += 1;
        break;
      case 'failed':
        if (isTransientFailure(view.failureCode) && retries < AUTOMATIC_RETRIES) {
          if (!(await changedWithin('Before it is tried again', pause(FIRST_RETRY_MS, retries)))) {
            retries = (await tryAgain(payoutId, view)) ? retries + 1 : AUTOMATIC_RETRIES;
          }
        } else {
          needAttention('pay', view.failureReason ?? view.failureCode ?? 'failed');
          await changedWithin('A decision');
        }
        break;
      case 'held':
        needAttention('pay', view.failureReason ?? 'held');
        await changedWithin('A decision');
        break;
      case 'completed':
        calm();
        if (view.finalInMs > 0 && (await changedWithin('Until the bank cannot return it', view.finalInMs))) break;
        await condition(allHandlersFinished);
        return 'completed';
      default:
        await condition(allHandlersFinished);
        calm();
        return view.status;
    }
  }
}

/** A refusal is an answer, not a failure of the run. */
async function make(payoutId: string, request: PayoutRequest): Promise<ApplicationFailure | true> {
  try {
    await db('Make the payout').createPayout({ payoutId, ...request });
    return true;
  } catch (error) {
    if (error instanceof ActivityFailure && error.cause instanceof ApplicationFailure) return error.cause;
    throw error;
  }
}

/** By the clock. False where it cannot be, as when the balance went elsewhere meanwhile: then a person is asked. */
async function tryAgain(payoutId: string, view: PayoutView): Promise<boolean> {
  try {
    await db('Try again').decidePayout({
      payoutId,
      decision: 'retry',
      actor: 'system',
      reason: `again after ${view.failureCode}`,
    });
    return true;
  } catch (error) {
    if (error instanceof ActivityFailure) return false;
    throw error;
  }
}

function needAttention(step: string, reason: string): void {
  upsertSearchAttributes([
    { key: searchAttributes.needsAttention, value: true },
    { key: searchAttributes.failingStep, value: step },
    { key: searchAttributes.failureReason, value: reason.slice(0, 250) },
  ]);
}

function calm(): void {
  const { needsAttention, failingStep, failureReason } = searchAttributes;
  if (workflowInfo().typedSearchAttributes.get(needsAttention) !== true) return;
  upsertSearchAttributes([
    { key: needsAttention, value: false },
    { key: failingStep, value: null },
    { key: failureReason, value: null },
  ]);
}

function tell(view: PayoutView): void {
  const failure = view.failureReason ? `\n\nLast failure: ${view.failureReason} (\`${view.failureCode}\`)` : '';
  const hint =
    view.status === 'failed'
      ? '\n\nThe money is back in the balance. Send the update `retry` or `abort` with `{ actor, reason }`.'
      : '';
  setCurrentDetails(
    `**${view.status}** · ${view.amount} ${view.currency} (minor units) · attempt ${view.attempt}${failure}${hint}`,
  );
}
