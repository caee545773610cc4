import { WithStartWorkflowOperation } from '@temporalio/client';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { Type } from 'typebox';
import { Problem } from '../domain/problems.ts';
import type { Role } from '../domain/roles.ts';
import { campaignBudget, railAccount } from '../ledger/accounts.ts';
import { post } from '../ledger/post.ts';
import { campaign, completeCampaign, publishCampaign, submitCampaign } from '../workflows/campaign.ts';
import { queues, searchAttributes, workflowIds } from '../workflows/contracts.ts';
import type { App } from './app.ts';
import { campaignSchema } from './campaign-view.ts';
import { noSuchCampaign, requireInsider, viewOf } from './campaigns.ts';
import { actorOf } from './principal.ts';
import { currencySchema, idParams, positiveAmountSchema, reasonSchema, strict } from './schemas.ts';

const tags = ['Campaigns'];

const steps = {
  submit: { update: submitCampaign, roles: ['brand', 'admin'], summary: 'Ask for the review' },
  publish: { update: publishCampaign, roles: ['reviewer', 'admin'], summary: 'Open it to creators' },
  complete: { update: completeCampaign, roles: ['brand', 'reviewer', 'admin'], summary: 'End it now' },
} as const satisfies Record<string, { update: typeof submitCampaign; roles: Role[]; summary: string }>;

export function campaignStepRoutes(app: App): void {
  app.post(
    '/api/v1/campaigns/:id/fund',
    {
      config: { access: { roles: ['brand', 'finance', 'admin'] }, idempotent: true },
      schema: {
        tags,
        summary: 'Pay into the budget',
        description: 'Held for the campaign until creators earn it.',
        params: idParams,
        body: Type.Object({ amount: positiveAmountSchema, currency: Type.Optional(currencySchema) }, strict),
        response: { 200: campaignSchema },
      },
    },
    async (request) => {
      const { id: campaignId } = request.params;
      await requireInsider(request, campaignId);
      const { amount, currency } = request.body;
      const funding = { id: request.commandId, campaignId, amount: BigInt(amount), currency, actor: actorOf(request) };
      await app.orm.em.fork().transactional((em) => fund(em, funding));
      return viewOf(request, campaignId);
    },
  );

  for (const [name, { update, roles, summary }] of Object.entries(steps)) {
    app.post(
      `/api/v1/campaigns/:id/${name}`,
      {
        config: { access: { roles }, idempotent: true },
        schema: { tags, summary, params: idParams, body: reasonSchema, response: { 200: campaignSchema } },
      },
      async (request) => {
        const { id: campaignId } = request.params;
        await requireInsider(request, campaignId);
        const reason = request.body?.reason ?? summary;
        await app.temporal.workflow.executeUpdateWithStart(update, {
          args: [{ actor: actorOf(request), reason, requestId: request.commandId }],
          startWorkflowOperation: new WithStartWorkflowOperation(campaign, {
            workflowId: workflowIds.campaign(campaignId),
            taskQueue: queues.core,
            args: [{ campaignId }],
            workflowIdConflictPolicy: 'USE_EXISTING',
            staticSummary: 'Campaign of a brand',
            typedSearchAttributes: [{ key: searchAttributes.campaignId, value: campaignId }],
          }),
        });
        return viewOf(request, campaignId);
      },
    );
  }
}

interface Funding {
  id: string;
  campaignId: string;
  /** Minor units. */
  amount: bigint;
  currency: string | undefined;
  actor: string;
}

/**
 * Money that the brand has paid to the platform becomes the campaign's budget, once per `id`.
 *
 * Errors: `not_found`, `invalid_state` for a campaign that is over, `currency_mismatch`.
 */
async function fund(em: EntityManager, { id, campaignId, amount, currency, actor }: Funding): Promise<void> {
  const { rows } = await sql<{ status: string; currency: string; done: boolean }>`
    select status, currency, exists (select from campaign_funding f where f.id = ${id}) as done
      from campaign where id = ${campaignId} for no key update`.execute(em.getKysely());
  const row = rows[0];
  if (!row) throw noSuchCampaign();
  if (row.done) return;
  if (row.status === 'completed') throw new Problem('invalid_state', 'The campaign is over.');
  if (currency !== undefined && currency !== row.currency) {
    throw new Problem('currency_mismatch', `The campaign pays in ${row.currency}.`);
  }
  await sql`
    with paid as (
      insert into campaign_funding (id, campaign_id, amount, funded_by)
      values (${id}, ${campaignId}, ${amount.toString()}, ${actor}) returning campaign_id, amount
    )
    update campaign c set funded = c.funded + paid.amount, updated_at = now() from paid where c.id = paid.campaign_id`.execute(
    em.getKysely(),
  );
  const lines = [
    { account: railAccount('stripe', 'cash', row.currency), amount: -amount },
    { account: campaignBudget(campaignId, row.currency), amount },
  ];
  const correlationId = `campaign:${campaignId}`;
  await post(em, [{ type: 'campaign_funded', key: `campaign-funding:${id}`, correlationId, lines }], { actor });
}
