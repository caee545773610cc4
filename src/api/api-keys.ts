import { Type } from 'typebox';
import { insertApiKey, listApiKeys, revokeApiKey, type ApiKeyRecord } from '../database/api-keys.ts';
import { recordAudit } from '../database/audit.ts';
import { Problem } from '../domain/problems.ts';
import { scopes } from '../domain/roles.ts';
import type { App } from './app.ts';
import { listQuery, page, pageSchema, parseIdCursor } from './pagination.ts';
import { actorOf } from './principal.ts';
import { idParams, idSchema, noContent, nullable, oneOf, strict, timestampSchema } from './schemas.ts';

const tags = ['Identity'];
const access = { roles: ['admin'] } as const;

const apiKeyProperties = {
  id: idSchema,
  name: Type.String(),
  prefix: Type.String({ description: 'How the key begins, to recognise it by' }),
  scopes: Type.Array(oneOf(scopes)),
  created_at: timestampSchema,
  last_used_at: nullable(timestampSchema),
  revoked_at: nullable(timestampSchema),
};
const apiKeySchema = Type.Object(apiKeyProperties);

export function apiKeyRoutes(app: App): void {
  app.post(
    '/api/v1/admin/api-keys',
    {
      config: { access },
      schema: {
        tags,
        summary: 'Make an API key for a service',
        description: 'The key is shown this once; only its hash is stored.',
        body: Type.Object(
          {
            name: Type.String({ minLength: 1, maxLength: 100, default: 'API key' }),
            scopes: Type.Array(oneOf(scopes), { minItems: 1, maxItems: scopes.length, uniqueItems: true }),
          },
          strict,
        ),
        response: { 201: Type.Object({ ...apiKeyProperties, key: Type.String() }) },
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const { record, key } = await app.orm.em.fork().transactional(async (em) => {
        const made = await insertApiKey(em, { ...request.body, createdBy: actor });
        const details = { name: request.body.name, scopes: request.body.scopes };
        await recordAudit(em, {
          actor,
          action: 'api_key_made',
          subject: { type: 'api_key', id: made.record.id },
          details,
        });
        return made;
      });
      return reply.status(201).send({ ...apiKeyView(record), key });
    },
  );

  app.get(
    '/api/v1/admin/api-keys',
    {
      config: { access },
      schema: {
        tags,
        summary: 'List the API keys',
        querystring: listQuery,
        response: { 200: pageSchema(apiKeySchema) },
      },
    },
    async ({ query: { limit, cursor } }) => {
      const keys = await listApiKeys(app.orm.em.fork(), parseIdCursor(cursor), limit + 1);
      const { data, ...rest } = page(keys, limit, (key) => key.id);
      return { data: data.map(apiKeyView), ...rest };
    },
  );

  app.delete(
    '/api/v1/admin/api-keys/:id',
    {
      config: { access },
      schema: { tags, summary: 'Revoke an API key', params: idParams, response: { 204: noContent } },
    },
    async (request, reply) => {
      const { id } = request.params;
      await app.orm.em.fork().transactional(async (em) => {
        if (!(await revokeApiKey(em, id))) throw new Problem('not_found', 'There is no such key, or it was revoked.');
        await recordAudit(em, { actor: actorOf(request), action: 'api_key_revoked', subject: { type: 'api_key', id } });
      });
      return reply.status(204).send(null);
    },
  );
}

function apiKeyView(record: ApiKeyRecord) {
  return {
    id: record.id,
    name: record.name,
    prefix: record.prefix,
    scopes: record.scopes,
    created_at: record.createdAt,
    last_used_at: record.lastUsedAt,
    revoked_at: record.revokedAt,
  };
}
