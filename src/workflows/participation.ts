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
  workflowInfo,
} from '@temporalio/workflow';
import type { AccrualActivities } from '../activities/accrual.ts';
import type { Application } from '../activities/applications.ts';
import type { HoldActivities } from '../activities/holds.ts';
import type { ParticipationActivities, ParticipationView } from '../activities/participations.ts';
import type { ParticipationStatus, ParticipationStep } from '../domain/participations.ts';
import { dbQuick, longBatch } from './presets.ts';
import { requireStepRequest, type StepRequest } from './requests.ts';

export interface ParticipationInput {
  participationId: string;
  /** The run begins by writing this application. Without it the participation exists. */
  application?: Application;
}

/** Answers when the application is written, or with the refusal. */
export const participationRequested = defineUpdate('requested');
export const approveParticipation = defineUpdate<ParticipationStatus, [StepRequest]>('approve');
export const rejectParticipation = defineUpdate<ParticipationStatus, [StepRequest]>('reject');
export const activateParticipation = defineUpdate<ParticipationStatus, [StepRequest]>('activate');
export const completeParticipation = defineUpdate<ParticipationStatus, [StepRequest]>('complete');
/** Its row changed outside of this run. */
export const participationChanged = defineSignal('participationChanged');
/** Everything that it earned may be paid now. */
export const participationSettled = defineSignal('participationSettled');
export const participationState = defineQuery<ParticipationView | undefined>('participationState');

const db = proxyActivities<ParticipationActivities>(dbQuick);
const bulk = proxyActivities<AccrualActivities & HoldActivities>(longBatch);

/** A look at the row by the clock, in case somebody's word got lost. */
const CHECK_INTERVAL = '1 day';

/**
 * One creator in one campaign, from the application until all that was earned is paid. The row says how it stands; each round looks
 * there and does the one next thing.
 */
export async function participation({ participationId, application }: ParticipationInput): Promise<string> {
  let view: ParticipationView | undefined;
  let changed = false;
  let applied = application === undefined;
  let refusal: Error | undefined;

  const lookAgain = () => {
    changed = true;
  };
  const take = (step: ParticipationStep) => async (request: StepRequest) => {
    await condition(() => applied || refusal !== undefined);
    const status = await db.decideParticipation({ participationId, step, ...request });
    lookAgain();
    return status;
  };
  const validator = requireStepRequest;
  setHandler(participationState, () => view, { description: 'How the participation stands' });
  setHandler(participationChanged, lookAgain, { description: 'Look at the row again' });
  setHandler(participationSettled, lookAgain, { description: 'What it earned may be paid now' });
  setHandler(approveParticipation, take('approve'), { validator, description: 'Let the creator in' });
  setHandler(rejectParticipation, take('reject'), { validator, description: 'Turn the application down' });
  setHandler(activateParticipation, take('activate'), { validator, description: 'The creator begins' });
  setHandler(completeParticipation, take('complete'), { validator, description: 'The work is done' });
  setHandler(participationRequested, async () => {
    await condition(() => applied || refusal !== undefined);
    if (refusal !== undefined) throw refusal;
  });

  if (application) {
    try {
      await db.applyToCampaign(participationId, application);
      applied = true;
    } catch (error) {
      refusal = error instanceof Error ? error : new Error(String(error));
      setCurrentDetails('The application was refused');
      await condition(allHandlersFinished);
      return 'refused';
    }
  }

  for (;;) {
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof participation>({ participationId });
    }
    changed = false;
    view = await db.loadParticipation(participationId);
    tell(view);
    const end = await endOf(participationId, view);
    if (end) {
      await condition(allHandlersFinished);
      return end;
    }
    await condition(() => changed, CHECK_INTERVAL);
  }
}

/** How the participation ended; undefined while something can still come of it. */
async function endOf(participationId: string, view: ParticipationView): Promise<string | undefined> {
  if (view.status === 'rejected' || view.status === 'paid') return view.status;
  if (view.status !== 'completed') return undefined;
  if (view.accrualDue) {
    const { earned } = await bulk.sweepAccruals({ participationId });
    if (earned > 0) await bulk.startHolds();
  }
  const settlement = await db.settleParticipation(participationId);
  if (settlement === 'waiting') return undefined;
  setCurrentDetails(`**completed** · ${settlement}`);
  return settlement;
}

function tell({ status, accrued, currency }: ParticipationView): void {
  setCurrentDetails(`**${status}** · earned ${accrued} ${currency} (minor units) so far`);
}
