import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import pLimit from 'p-limit';
import { campaignSteps, type CampaignStatus, type CampaignStep } from '../domain/campaigns.ts';
import { openStatuses } from '../domain/participations.ts';
import { Problem } from '../domain/problems.ts';
import { workflowIds } from '../workflows/contracts.ts';
import { participationChanged } from '../workflows/participation.ts';
import type { StepRequest } from '../workflows/requests.ts';

const PARTICIPATIONS_PER_PAGE = 500;
const CONCURRENT_SIGNALS = 20;

export interface CampaignView {
  status: CampaignStatus;
  /** ISO 8601. */
  endsAt: string;
}

/** A step that somebody wants a campaign to take. */
export interface CampaignDecision extends StepRequest {
  campaignId: string;
  step: CampaignStep;
}

export type CampaignActivities = ReturnType<typeof createCampaignActivities>;

/** The life of a campaign, as its row tells it. */
export function createCampaignActivities({ orm, client }: { orm: MikroORM; client: Client }) {
  return {
    async loadCampaign(campaignId: string): Promise<CampaignView> {
      const { rows } = await sql<{ status: CampaignStatus; ends_at: Date | string }>`
        select status, ends_at from campaign where id = ${campaignId}`.execute(orm.em.fork().getKysely());
      const row = rows[0];
      if (!row) throw new Problem('not_found', 'There is no such campaign.');
      return { status: row.status, endsAt: new Date(row.ends_at).toISOString() };
    },

    /** Errors: `not_found`, `invalid_state` where the status, the money or the dates do not allow the step. */
    async stepCampaign(decision: CampaignDecision): Promise<CampaignStatus> {
      return orm.em.fork().transactional((em) => step(em, decision));
    },

    /** Tells the runs of all the campaign's participations to look at their rows. */
    async tellParticipations(campaignId: string): Promise<void> {
      const limit = pLimit(CONCURRENT_SIGNALS);
      let after = (Context.current().info.heartbeatDetails as string | undefined) ?? null;
      for (;;) {
        const ids = await participationsOf(orm.em.fork(), campaignId, after);
        const done = after;
        await Promise.all(
          ids.map((id) =>
            limit(async () => {
              await tell(client, id);
              Context.current().heartbeat(done);
            }),
          ),
        );
        after = ids.at(-1) ?? after;
        if (ids.length < PARTICIPATIONS_PER_PAGE) return;
      }
    },
  };
}

interface Row {
  status: CampaignStatus;
  last_request: string | null;
  budget: string;
  funded: string;
  over: boolean;
}

async function step(em: EntityManager, decision: CampaignDecision): Promise<CampaignStatus> {
  const { campaignId, step: wanted, actor, reason, requestId } = decision;
  const { rows } = await sql<Row>`
    select status, last_request, budget, funded, ends_at <= now() as over from campaign where id = ${campaignId}
       for no key update`.execute(em.getKysely());
  const row = rows[0];
  if (!row) throw new Problem('not_found', 'There is no such campaign.');
  if (row.last_request === requestId) return row.status;
  const { from, to } = campaignSteps[wanted];
  if (row.status !== from) throw new Problem('invalid_state', `A campaign that is ${row.status} cannot be ${to}.`);
  if (wanted === 'publish') requirePublishable(row);
  await sql`
    with moved as (
      update campaign
         set status = ${to}, last_request = ${requestId}, updated_at = now(),
             published_at = case when ${to} = 'published' then now() else published_at end,
             completed_at = case when ${to} = 'completed' then now() end
       where id = ${campaignId}
    )
    insert into audit_log (actor, action, subject_type, subject_id, reason)
    values (${actor}, ${`campaign.${wanted}`}, 'campaign', ${campaignId}, ${reason})`.execute(em.getKysely());
  if (to === 'completed') await closeParticipations(em, campaignId);
  return to;
}

function requirePublishable({ budget, funded, over }: Row): void {
  if (BigInt(funded) < BigInt(budget)) {
    throw new Problem('invalid_state', `${funded} of the budget of ${budget} minor units is funded.`);
  }
  if (over) throw new Problem('invalid_state', 'The campaign would be over already.');
}

/** Who is at work is done and gets what the last counts are worth; who still waits for an answer gets it. */
async function closeParticipations(em: EntityManager, campaignId: string): Promise<void> {
  await sql`
    with closing as (
      select id from participation where campaign_id = ${campaignId} and status in ('applied', 'approved', 'active')
       order by id for no key update
    )
    update participation p
       set status = case when p.status = any (${[...openStatuses]}) then 'completed' else 'rejected' end,
           status_reason = 'The campaign is over',
           accrual_due_at = case when p.status = any (${[...openStatuses]}) then coalesce(p.accrual_due_at, now()) end,
           updated_at = now()
      from closing where p.id = closing.id`.execute(em.getKysely());
}

async function participationsOf(em: EntityManager, campaignId: string, after: string | null): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from participation where campaign_id = ${campaignId} and (${after}::uuid is null or id > ${after}::uuid)
     order by id limit ${PARTICIPATIONS_PER_PAGE}`.execute(em.getKysely());
  return rows.map(({ id }) => id);
}

async function tell(client: Client, participationId: string): Promise<void> {
  try {
    await client.workflow.getHandle(workflowIds.participation(participationId)).signal(participationChanged);
  } catch (error) {
    // it ended before: rejected, or paid
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
