import type { FastifyRequest } from 'fastify';
import { Type, type Static } from 'typebox';
import { Campaign } from '../database/entities/campaign.ts';
import { findParticipations, type ParticipationRecord } from '../database/queries/participations.ts';
import { participationStatuses, seatedStatuses } from '../domain/participations.ts';
import { platforms } from '../domain/post-urls.ts';
import { Problem } from '../domain/problems.ts';
import { workflowIds } from '../workflows/contracts.ts';
import { isInsider, isOpen, noSuchCampaign } from './campaigns.ts';
import { isStaffRequest } from './principal.ts';
import { amountSchema, currencySchema, idSchema, nullable, oneOf, timestampSchema } from './schemas.ts';
import { workflowUrl } from './workflow-url.ts';

const countSchema = Type.Unsafe<bigint | number>({ type: 'integer', minimum: 0 });

export const postSchema = Type.Object({
  id: idSchema,
  platform: oneOf(platforms),
  post_id: Type.String({ description: "The platform's own id" }),
  post_url: Type.String(),
  value: countSchema,
  verified: Type.Boolean({ description: 'Whether there is a verified count' }),
});

export const participationSchema = Type.Object({
  id: idSchema,
  campaign_id: idSchema,
  creator_id: idSchema,
  status: oneOf(participationStatuses),
  status_reason: nullable(Type.String()),
  message: nullable(Type.String()),
  tracking_url: nullable(Type.String()),
  value: countSchema,
  earned: amountSchema,
  currency: currencySchema,
  posts: Type.Array(postSchema),
  created_at: timestampSchema,
  updated_at: timestampSchema,
  workflow_id: Type.Optional(Type.String({ description: 'For staff' })),
  workflow_url: Type.Optional(Type.String({ description: 'For staff' })),
});

export function participationView(
  request: FastifyRequest,
  row: ParticipationRecord,
): Static<typeof participationSchema> {
  const { settings } = request.server;
  const workflowId = workflowIds.participation(row.id);
  return {
    id: row.id,
    campaign_id: row.campaign_id,
    creator_id: row.creator_id,
    status: row.status,
    status_reason: row.status_reason,
    message: row.message,
    tracking_url: trackingUrl(request, row),
    value: BigInt(row.value),
    earned: BigInt(row.accrued),
    currency: row.currency,
    posts: row.posts,
    created_at: row.created_at,
    updated_at: row.updated_at,
    ...(isStaffRequest(request) && { workflow_id: workflowId, workflow_url: workflowUrl(settings, workflowId) }),
  };
}

/** For those who are in, where the campaign has something to lead to. */
function trackingUrl(request: FastifyRequest, row: ParticipationRecord): string | null {
  const isIn = (seatedStatuses as readonly string[]).includes(row.status);
  if (row.destination_url === null || !isIn) return null;
  const origin = request.server.settings.publicUrl ?? `${request.protocol}://${request.host}`;
  return `${origin}/t/${row.tracking_code}`;
}

/** Errors: `not_found`, also for somebody who is neither its creator, nor its brand, nor staff. */
export async function findVisible(request: FastifyRequest, id: string): Promise<ParticipationRecord> {
  const [row] = await findParticipations(request.server.orm.em.fork(), { id });
  const { principal } = request;
  const isCreator = principal?.kind === 'user' && principal.creatorId === row?.creator_id;
  if (row && (isCreator || isInsider(request, { brandId: row.brand_id }))) return row;
  throw new Problem('not_found', 'There is no such participation.');
}

/** All of a campaign for its brand and staff; only their own for a creator. Errors: `not_found`. */
export async function listVisible(
  request: FastifyRequest,
  campaignId: string,
  paging: { after: string | undefined; limit: number },
): Promise<ParticipationRecord[]> {
  const em = request.server.orm.em.fork();
  const campaign = await em.findOne(Campaign, { id: campaignId });
  const { principal } = request;
  const creatorId = principal?.kind === 'user' ? principal.creatorId : null;
  const insider = campaign !== null && isInsider(request, campaign);
  if (!campaign || (!insider && creatorId === null)) throw noSuchCampaign();
  const rows = await findParticipations(em, { campaignId, creatorId: insider ? null : creatorId, ...paging });
  if (rows.length === 0 && !insider && !isOpen(campaign)) throw noSuchCampaign();
  return rows;
}
