import { continueAsNew, proxyActivities, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { AccrualActivities, SweepInput } from '../activities/accrual.ts';
import type { HoldActivities } from '../activities/holds.ts';
import { longBatch } from './presets.ts';

export interface AccrualInput {
  /** Where a sweep that became too long goes on. */
  after?: NonNullable<SweepInput['after']>;
  earned?: number;
}

export interface AccrualResult {
  /** Participations that earned something. */
  earned: number;
  /** Holds that were started or told. */
  holds: number;
}

const bulk = proxyActivities<AccrualActivities & HoldActivities>(longBatch);

/** Turns the counts that came in since the last time into earnings, and puts the earnings on hold. */
export async function accrual({ after, earned = 0 }: AccrualInput = {}): Promise<AccrualResult> {
  if (!after) await bulk.collectBatches();
  for (let next = after; ;) {
    const swept = await bulk.sweepAccruals({ ...(next && { after: next }) });
    earned += swept.earned;
    setCurrentDetails(`${earned} participations earned`);
    next = swept.next;
    if (!next) break;
    if (workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof accrual>({ after: next, earned });
    }
  }
  const holds = await bulk.startHolds();
  setCurrentDetails(`${earned} participations earned, ${holds} holds started`);
  return { earned, holds };
}
