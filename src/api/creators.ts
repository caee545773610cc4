import { LockMode, UniqueConstraintViolationException } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Type } from 'typebox';
import { recordAudit } from '../database/audit.ts';
import { Creator } from '../database/entities/creator.ts';
import {
  findCreator,
  hasMoney,
  isCreatorAddress,
  listCreators,
  type CreatorRecord,
} from '../database/queries/creators.ts';
import { creatorStatuses, payoutSchedules, type PayoutSchedule } from '../domain/creators.ts';
import { Problem } from '../domain/problems.ts';
import type { App } from './app.ts';
import { creatorSchema, creatorView, publicCreatorSchema, publicCreatorView } from './creator-view.ts';
import { given } from './given.ts';
import { listQueryWith, page, pageSchema, parseIdCursor } from './pagination.ts';
import { actorOf, hasRole } from './principal.ts';
import { currencySchema, idParams, noContent, nullable, oneOf, strict } from './schemas.ts';

const tags = ['Creators'];
const admin = { roles: ['admin'] } as const;

const editable = {
  bio: nullable(Type.String({ maxLength: 2000 })),
  avatar_url: nullable(Type.String({ format: 'uri', pattern: '^https?://', maxLength: 2000 })),
  currency: currencySchema,
  payout_schedule: oneOf(payoutSchedules),
};
const required = {
  name: Type.String({ minLength: 1, maxLength: 200 }),
  email: Type.String({ format: 'email', maxLength: 254 }),
};

export function creatorRoutes(app: App): void {
  app.post(
    '/api/v1/creators',
    {
      config: { access: admin, idempotent: true, alias: '/creators' },
      schema: {
        tags,
        summary: 'Add a creator',
        description: 'Without a login, until somebody registers with that address and proves it.',
        body: Type.Object({ ...required, ...Type.Partial(Type.Object(editable)).properties }, strict),
        response: { 201: creatorSchema },
      },
    },
    async (request, reply) => {
      const { name, email, ...rest } = request.body;
      const creator = await app.orm.em.fork().transactional(async (em) => {
        const addedBefore = await findCreator(em, request.commandId);
        if (addedBefore) return addedBefore;
        if (await isCreatorAddress(em, email)) throw addressTaken();
        const added = em.create(Creator, { id: request.commandId, name, email, ...columns(rest) });
        await flush(em);
        await audit(em, actorOf(request), 'creator_added', added.id);
        return mustFind(em, added.id);
      });
      return reply.status(201).send(creatorView(creator));
    },
  );

  app.get(
    '/api/v1/creators',
    {
      config: { access: admin, alias: '/creators' },
      schema: {
        tags,
        summary: 'List the creators',
        querystring: listQueryWith({
          q: Type.Optional(Type.String({ maxLength: 200, description: 'Part of the name or the e-mail address' })),
          status: Type.Optional(oneOf(creatorStatuses)),
        }),
        response: { 200: pageSchema(creatorSchema) },
      },
    },
    async ({ query: { q, status, limit, cursor } }) => {
      const filter = { q, status, after: parseIdCursor(cursor), limit: limit + 1 };
      const { data, ...rest } = page(await listCreators(app.orm.em.fork(), filter), limit, (creator) => creator.id);
      return { data: data.map(creatorView), ...rest };
    },
  );

  app.get(
    '/api/v1/creators/:id',
    {
      config: { access: 'anyone', alias: '/creators/:id' },
      schema: {
        tags,
        summary: 'A creator',
        description: 'Admins and the creator see more than the public.',
        params: idParams,
        response: { 200: publicCreatorSchema },
      },
    },
    async (request) => {
      const creator = await mustFind(app.orm.em.fork(), request.params.id);
      const { principal } = request;
      const isOwner = principal?.kind === 'user' && principal.creatorId === creator.id;
      return isOwner || hasRole(request, 'admin') ? creatorView(creator) : publicCreatorView(creator);
    },
  );

  app.patch(
    '/api/v1/creators/:id',
    {
      config: { access: admin, alias: '/creators/:id' },
      schema: {
        tags,
        summary: 'Change a creator',
        description: 'The currency can change only while no money is owed.',
        params: idParams,
        body: Type.Partial(Type.Object({ ...required, ...editable }), strict),
        response: { 200: creatorSchema },
      },
    },
    async (request) => {
      const { id } = request.params;
      const creator = await app.orm.em.fork().transactional(async (em) => {
        const found = await lockCreator(em, id);
        const { currency = found.currency } = request.body;
        if (currency !== found.currency && (await hasMoney(em, id))) {
          throw new Problem('conflict', 'The currency cannot change while money is owed.');
        }
        em.assign(found, columns(request.body));
        await flush(em);
        await audit(em, actorOf(request), 'creator_changed', id, { fields: Object.keys(request.body) });
        return mustFind(em, id);
      });
      return creatorView(creator);
    },
  );

  app.delete(
    '/api/v1/creators/:id',
    {
      config: { access: admin, alias: '/creators/:id' },
      schema: { tags, summary: 'Delete a creator', params: idParams, response: { 204: noContent } },
    },
    async (request, reply) => {
      const { id } = request.params;
      await app.orm.em.fork().transactional(async (em) => {
        const found = await lockCreator(em, id);
        if (await hasMoney(em, id)) throw new Problem('conflict', 'Money is owed to this creator or is on its way.');
        found.status = 'deleted';
        await em.flush();
        await audit(em, actorOf(request), 'creator_deleted', id);
      });
      return reply.status(204).send(null);
    },
  );
}

interface CreatorFields {
  name: string;
  email: string;
  bio: string | null;
  avatar_url: string | null;
  currency: string;
  payout_schedule: PayoutSchedule;
}

function columns({ avatar_url: avatarUrl, payout_schedule: payoutSchedule, ...same }: Partial<CreatorFields>) {
  return given({ ...same, avatarUrl, payoutSchedule });
}

async function mustFind(em: EntityManager, id: string): Promise<CreatorRecord> {
  const creator = await findCreator(em, id);
  if (!creator) throw noSuchCreator();
  return creator;
}

/** Until the end of the transaction nobody else changes it. */
async function lockCreator(em: EntityManager, id: string): Promise<Creator> {
  const options = { lockMode: LockMode.PESSIMISTIC_WRITE };
  const creator = await em.findOne(Creator, { id, status: { $ne: 'deleted' } }, options);
  if (!creator) throw noSuchCreator();
  return creator;
}

function noSuchCreator(): Problem {
  return new Problem('not_found', 'There is no such creator.');
}

/** Two requests at once may both find the address free; the database then refuses the second. */
async function flush(em: EntityManager): Promise<void> {
  try {
    await em.flush();
  } catch (error) {
    throw error instanceof UniqueConstraintViolationException ? addressTaken() : error;
  }
}

function addressTaken(): Problem {
  return new Problem('email_taken', 'There is a creator with this e-mail address.');
}

function audit(em: EntityManager, actor: string, action: string, id: string, details = {}): Promise<void> {
  return recordAudit(em, { actor, action, subject: { type: 'creator', id }, details });
}
