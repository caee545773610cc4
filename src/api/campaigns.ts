import { LockMode } from '@mikro-orm/core';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Campaign } from '../database/entities/campaign.ts';
import { campaignStatuses, type CampaignStatus } from '../domain/campaigns.ts';
import { Problem } from '../domain/problems.ts';
import type { App } from './app.ts';
import {
  campaignChangesSchema,
  campaignColumns,
  campaignSchema,
  campaignView,
  newCampaignSchema,
} from './campaign-view.ts';
import { listQueryWith, page, pageSchema, parseIdCursor } from './pagination.ts';
import { isStaffRequest, requireUser } from './principal.ts';
import { idParams, oneOf } from './schemas.ts';

const tags = ['Campaigns'];

/** What everybody who is signed in may see. */
const open: CampaignStatus[] = ['published', 'completed'];

export function campaignRoutes(app: App): void {
  app.post(
    '/api/v1/campaigns',
    {
      config: { access: { roles: ['brand'] }, idempotent: true },
      schema: { tags, summary: 'Draft a campaign', body: newCampaignSchema, response: { 201: campaignSchema } },
    },
    async (request, reply) => {
      const { userId } = requireUser(request);
      const id = request.commandId;
      const campaign = await app.orm.em.fork().transactional(async (em) => {
        const draftedBefore = await em.findOne(Campaign, { id });
        if (draftedBefore) return draftedBefore;
        const defaults = { targeting: {}, autoApprove: false, allowlist: [] };
        const columns = campaignColumns(request.body) as Required<ReturnType<typeof campaignColumns>>;
        const drafted = em.create(Campaign, { id, brandId: userId, ...defaults, ...columns });
        requireOrder(drafted);
        await em.flush();
        return drafted;
      });
      return reply.status(201).send(campaignView(campaign, true));
    },
  );

  app.get(
    '/api/v1/campaigns',
    {
      config: { access: 'user' },
      schema: {
        tags,
        summary: 'List campaigns',
        description: "A brand's own, and with `status=published` those of everybody that can be applied to.",
        querystring: listQueryWith({ status: Type.Optional(oneOf(campaignStatuses)) }),
        response: { 200: pageSchema(campaignSchema) },
      },
    },
    async (request) => {
      const { limit, cursor, status } = request.query;
      const after = parseIdCursor(cursor);
      const found = await app.orm.em
        .fork()
        .find(
          Campaign,
          { $and: [visibleTo(request, status), status ? { status } : {}, after ? { id: { $lt: after } } : {}] },
          { orderBy: { id: 'desc' }, limit: limit + 1 },
        );
      const { data, ...rest } = page(found, limit, ({ id }) => id);
      return { data: data.map((campaign) => campaignView(campaign, isInsider(request, campaign))), ...rest };
    },
  );

  app.get(
    '/api/v1/campaigns/:id',
    {
      config: { access: 'user' },
      schema: { tags, summary: 'A campaign', params: idParams, response: { 200: campaignSchema } },
    },
    async (request) => viewOf(request, request.params.id),
  );

  app.patch(
    '/api/v1/campaigns/:id',
    {
      config: { access: { roles: ['brand'] } },
      schema: {
        tags,
        summary: 'Change a draft',
        params: idParams,
        body: campaignChangesSchema,
        response: { 200: campaignSchema },
      },
    },
    async (request) => {
      const { id } = request.params;
      const campaign = await app.orm.em.fork().transactional(async (em) => {
        const draft = await em.findOne(Campaign, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
        if (draft?.brandId !== requireUser(request).userId) throw noSuchCampaign();
        if (draft.status !== 'draft') throw new Problem('invalid_state', 'Only a draft can be changed.');
        const { currency = draft.currency } = request.body;
        if (currency !== draft.currency && draft.funded > 0n) {
          throw new Problem('currency_mismatch', `The campaign is funded in ${draft.currency}.`);
        }
        em.assign(draft, campaignColumns(request.body));
        requireOrder(draft);
        await em.flush();
        return draft;
      });
      return campaignView(campaign, true);
    },
  );
}

/** Those that the caller may list: all, what is open to everybody, or a brand's own where nothing else is asked for. */
function visibleTo(request: FastifyRequest, status: CampaignStatus | undefined) {
  if (isStaffRequest(request)) return {};
  const { userId, roles } = requireUser(request);
  if (!roles.includes('brand')) return { status: { $in: open } };
  return status !== undefined && open.includes(status) ? {} : { brandId: userId };
}

/** Everybody who is signed in may see it. */
export function isOpen({ status }: Pick<Campaign, 'status'>): boolean {
  return open.includes(status);
}

/** Its brand and staff. */
export function isInsider(request: FastifyRequest, { brandId }: { brandId: string }): boolean {
  const { principal } = request;
  return isStaffRequest(request) || (principal?.kind === 'user' && principal.userId === brandId);
}

/** Errors: `not_found`, also for somebody else's that is not published. */
export async function viewOf(request: FastifyRequest, id: string) {
  const campaign = await request.server.orm.em.fork().findOne(Campaign, { id });
  if (!campaign) throw noSuchCampaign();
  const insider = isInsider(request, campaign);
  if (!insider && !isOpen(campaign)) throw noSuchCampaign();
  return campaignView(campaign, insider);
}

/** Errors: `not_found` for a campaign that is not the caller's, unless the caller is staff. */
export async function requireInsider(request: FastifyRequest, id: string): Promise<Campaign> {
  const campaign = await request.server.orm.em.fork().findOne(Campaign, { id });
  if (!campaign || !isInsider(request, campaign)) throw noSuchCampaign();
  return campaign;
}

export function noSuchCampaign(): Problem {
  return new Problem('not_found', 'There is no such campaign.');
}

function requireOrder({ startsAt, endsAt }: Campaign): void {
  if (endsAt > startsAt) return;
  const errors = [{ path: 'ends_at', message: 'must be after starts_at' }];
  throw new Problem('validation_failed', 'The campaign would end before it starts.', errors);
}
