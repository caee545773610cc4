import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineUpdate,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { AccrualActivities, SweepInput } from '../activities/accrual.ts';
import type { CampaignActivities, CampaignView } from '../activities/campaigns.ts';
import type { HoldActivities } from '../activities/holds.ts';
import type { CampaignStatus, CampaignStep } from '../domain/campaigns.ts';
import { dbQuick, longBatch } from './presets.ts';
import { requireStepRequest, type StepRequest } from './requests.ts';

export interface CampaignInput {
  campaignId: string;
}

export const submitCampaign = defineUpdate<CampaignStatus, [StepRequest]>('submit');
export const publishCampaign = defineUpdate<CampaignStatus, [StepRequest]>('publish');
export const completeCampaign = defineUpdate<CampaignStatus, [StepRequest]>('complete');
export const campaignState = defineQuery<CampaignView | undefined>('campaignState');

const db = proxyActivities<CampaignActivities>(dbQuick);
const bulk = proxyActivities<CampaignActivities & AccrualActivities & HoldActivities>(longBatch);

/** A campaign from its submission to its end: by a person, or by itself when its time is over. */
export async function campaign({ campaignId }: CampaignInput): Promise<CampaignStatus> {
  let view: CampaignView | undefined;
  let changed = false;
  let asked = 0;

  const take = (step: CampaignStep) => async (request: StepRequest) => {
    try {
      return await db.stepCampaign({ campaignId, step, ...request });
    } finally {
      changed = true;
      asked += 1;
    }
  };
  const validator = requireStepRequest;
  setHandler(campaignState, () => view, { description: 'How the campaign stands' });
  setHandler(submitCampaign, take('submit'), { validator, description: 'Ask for the review' });
  setHandler(publishCampaign, take('publish'), { validator, description: 'Open it to creators' });
  setHandler(completeCampaign, take('complete'), { validator, description: 'End it now' });

  for (;;) {
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof campaign>({ campaignId });
    }
    changed = false;
    // a run is started together with its first update; where that left a draft, there is nothing to do
    const refused = asked > 0;
    view = await db.loadCampaign(campaignId);
    setCurrentDetails(`**${view.status}** · ends ${view.endsAt}`);
    if (view.status === 'completed') await finish(campaignId);
    if (view.status === 'completed' || (view.status === 'draft' && refused)) {
      await condition(allHandlersFinished);
      return view.status;
    }
    if (view.status !== 'published') await condition(() => changed);
    else if (!(await changedBefore(view.endsAt, () => changed))) await end(campaignId);
  }
}

/** False where the time came first. */
async function changedBefore(endsAt: string, changed: () => boolean): Promise<boolean> {
  const left = Date.parse(endsAt) - Date.now();
  return left > 0 ? condition(changed, left) : changed();
}

/** The end that nobody asks for happens once in a campaign, so the campaign names the request. */
async function end(campaignId: string): Promise<void> {
  await db.stepCampaign({
    campaignId,
    step: 'complete',
    actor: 'system',
    reason: 'The campaign is over',
    requestId: campaignId,
  });
}

/** Accrues the last counts of everybody, then tells each participation that it is completed. */
async function finish(campaignId: string): Promise<void> {
  for (let after: SweepInput['after']; ;) {
    const { next } = await bulk.sweepAccruals({ campaignId, ...(after && { after }) });
    if (!next) break;
    after = next;
  }
  await bulk.startHolds();
  await bulk.tellParticipations(campaignId);
}
