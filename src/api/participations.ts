import { WithStartWorkflowOperation } from '@temporalio/client';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { addPost } from '../database/queries/participations.ts';
import { Problem } from '../domain/problems.ts';
import { parsePostUrl, type PostRef } from '../domain/post-urls.ts';
import type { Role } from '../domain/roles.ts';
import { queues, searchAttributes, workflowIds } from '../workflows/contracts.ts';
import {
  activateParticipation,
  approveParticipation,
  completeParticipation,
  participation,
  participationRequested,
  rejectParticipation,
  type ParticipationInput,
} from '../workflows/participation.ts';
import type { App } from './app.ts';
import { viewOf } from './campaigns.ts';
import { listQuery, page, pageSchema, parseIdCursor } from './pagination.ts';
import { findVisible, listVisible, participationSchema, participationView, postSchema } from './participation-view.ts';
import { actorOf, isStaffRequest, requireCreator } from './principal.ts';
import { idParams, nullable, reasonSchema, strict } from './schemas.ts';

const tags = ['Participations'];

const byBrand = ['brand', 'reviewer', 'admin'] as const;
const steps = {
  approve: { update: approveParticipation, roles: byBrand, summary: 'Let the creator in' },
  reject: { update: rejectParticipation, roles: byBrand, summary: 'Turn the application down' },
  activate: { update: activateParticipation, roles: ['creator'], summary: 'Begin' },
  complete: { update: completeParticipation, roles: byBrand, summary: 'The work is done' },
} as const satisfies Record<string, { update: typeof approveParticipation; roles: readonly Role[]; summary: string }>;

export function participationRoutes(app: App): void {
  app.post(
    '/api/v1/campaigns/:id/applications',
    {
      config: { access: { roles: ['creator'] }, idempotent: true },
      schema: {
        tags,
        summary: 'Apply to a campaign',
        params: idParams,
        body: nullable(Type.Object({ message: Type.Optional(Type.String({ maxLength: 2000 })) }, strict)),
        response: { 201: participationSchema },
      },
    },
    async (request, reply) => {
      const participationId = request.commandId;
      const campaignId = request.params.id;
      const creatorId = requireCreator(request);
      const application = { campaignId, creatorId, message: request.body?.message ?? null };
      await app.temporal.workflow.executeUpdateWithStart(participationRequested, {
        startWorkflowOperation: startOf({ participationId, application }, { campaignId, creatorId }),
      });
      return reply.status(201).send(participationView(request, await findVisible(request, participationId)));
    },
  );

  app.get(
    '/api/v1/participations/:id',
    {
      config: { access: { roles: ['creator', 'brand', 'admin', 'finance', 'reviewer'] } },
      schema: { tags, summary: 'A participation', params: idParams, response: { 200: participationSchema } },
    },
    async (request) => participationView(request, await findVisible(request, request.params.id)),
  );

  app.get(
    '/api/v1/campaigns/:id/participations',
    {
      config: { access: { roles: ['creator', 'brand', 'admin', 'finance', 'reviewer'] } },
      schema: {
        tags,
        summary: 'Who takes part in a campaign',
        description: 'All for its brand and staff, the own one for a creator.',
        params: idParams,
        querystring: listQuery,
        response: { 200: pageSchema(participationSchema) },
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const rows = await listVisible(request, request.params.id, { after: parseIdCursor(cursor), limit: limit + 1 });
      const { data, ...rest } = page(rows, limit, ({ id }) => id);
      return { data: data.map((row) => participationView(request, row)), ...rest };
    },
  );

  for (const [name, { update, roles, summary }] of Object.entries(steps)) {
    app.post(
      `/api/v1/participations/:id/${name}`,
      {
        config: { access: { roles }, idempotent: true },
        schema: { tags, summary, params: idParams, body: reasonSchema, response: { 200: participationSchema } },
      },
      async (request) => {
        const found = await findVisible(request, request.params.id);
        const { id: participationId, campaign_id: campaignId, creator_id: creatorId } = found;
        requireParty(request, found, roles);
        const reason = request.body?.reason ?? summary;
        await app.temporal.workflow.executeUpdateWithStart(update, {
          args: [{ actor: actorOf(request), reason, requestId: request.commandId }],
          startWorkflowOperation: startOf({ participationId }, { campaignId, creatorId }),
        });
        return participationView(request, await findVisible(request, participationId));
      },
    );
  }

  app.post(
    '/api/v1/participations/:id/evidence',
    {
      config: { access: { roles: ['creator'] }, idempotent: true },
      schema: {
        tags,
        summary: 'Hand in a post',
        description: 'Its address on YouTube, TikTok, Instagram or X. A post counts for one participation only.',
        params: idParams,
        body: Type.Object({ post_url: Type.String({ minLength: 1, maxLength: 2000 }) }, strict),
        response: { 201: postSchema },
      },
    },
    async (request, reply) => {
      const found = await findVisible(request, request.params.id);
      if (found.creator_id !== requireCreator(request)) throw noSuchParticipation();
      const postUrl = request.body.post_url.trim();
      const post = await requirePost(request, found.campaign_id, postUrl);
      const row = { id: request.commandId, participationId: found.id, postUrl, ...post };
      const outcome = await app.orm.em.fork().transactional((em) => addPost(em, row));
      const { posts, status } = await findVisible(request, found.id);
      const added = posts.find(({ id }) => id === row.id);
      if (added) return reply.status(201).send(added);
      if (outcome === 'closed') throw new Problem('invalid_state', `A participation that is ${status} takes no posts.`);
      throw new Problem('conflict', 'This post was handed in before.');
    },
  );
}

function startOf(input: ParticipationInput, { campaignId, creatorId }: { campaignId: string; creatorId: string }) {
  return new WithStartWorkflowOperation(participation, {
    workflowId: workflowIds.participation(input.participationId),
    taskQueue: queues.core,
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: 'A creator in a campaign',
    typedSearchAttributes: [
      { key: searchAttributes.creatorId, value: creatorId },
      { key: searchAttributes.campaignId, value: campaignId },
    ],
  });
}

/** Who sees a participation may not always decide about it: a creator who is also a brand takes only the creator's steps. */
function requireParty(
  request: FastifyRequest,
  { brand_id: brandId, creator_id: creatorId }: { brand_id: string; creator_id: string },
  roles: readonly Role[],
): void {
  const { principal } = request;
  if (principal?.kind !== 'user') throw noSuchParticipation();
  if (roles.includes('creator') && principal.creatorId === creatorId) return;
  if (roles.includes('brand') && (principal.userId === brandId || isStaffRequest(request))) return;
  throw noSuchParticipation();
}

/** Errors: `validation_failed` for an address that is none of a post, or of a platform that the campaign does not take. */
async function requirePost(request: FastifyRequest, campaignId: string, postUrl: string): Promise<PostRef> {
  const post = parsePostUrl(postUrl);
  const refuse = (message: string) =>
    new Problem('validation_failed', 'The address cannot be taken.', [{ path: 'post_url', message }]);
  if (!post) throw refuse('is not the full address of a post on YouTube, TikTok, Instagram or X');
  const { platforms } = await viewOf(request, campaignId);
  if (platforms.length > 0 && !platforms.includes(post.platform)) throw refuse(`is not of ${platforms.join(', ')}`);
  return post;
}

function noSuchParticipation(): Problem {
  return new Problem('not_found', 'There is no such participation.');
}
