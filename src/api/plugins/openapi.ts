import { STATUS_CODES } from 'node:http';
import swagger from '@fastify/swagger';
import type { FastifyContextConfig, FastifySchema } from 'fastify';
import { problems } from '../../domain/problems.ts';
import type { Access, App } from '../app.ts';

const problemSchema = {
  type: 'object',
  description: 'RFC 9457',
  required: ['type', 'title', 'status', 'detail', 'code', 'request_id'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', enum: Object.keys(problems), description: 'Stable; what programs decide by' },
    request_id: { type: 'string', description: 'To name the request by when asking for help' },
    errors: {
      type: 'array',
      description: 'What is wrong where, of a request that is not valid',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
};

const idempotencyKeySchema = {
  type: 'string',
  minLength: 1,
  maxLength: 255,
  description:
    'Repeat a request with the same key and body and it is carried out once; `X-Idempotency-Key` is the same.',
};

/** Describes the routes as OpenAPI 3.1, from the schemas that check them and the access that they declare. */
export async function openapi(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Stipend',
        version: '1',
        description:
          'Creator payouts. Amounts are integers in the minor unit of the currency beside them; times are ISO 8601 in UTC; errors are `application/problem+json`.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      components: {
        securitySchemes: {
          accessToken: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'Of a person who signed in',
          },
          apiKey: { type: 'http', scheme: 'bearer', description: 'Of a service' },
        },
      },
    },
    transform: ({ schema, url, route }) => {
      const written = { ...schema };
      const operationId = operationIdOf(String(route.method), url);
      return { url, schema: { operationId, ...written, ...declared(route.config ?? {}, written) } };
    },
    transformObject: (document) => {
      if (!('openapiObject' in document)) return document.swaggerObject;
      return withProblems(withNullTypes(document.openapiObject) as OpenApiDocument);
    },
  });
}

/** `getCreatorsById` of `GET /api/v1/creators/:id`. */
function operationIdOf(method: string, url: string): string {
  const words = url.replace('/api/v1/', '/').split(/[^A-Za-z0-9:]+/);
  const names = words.map((word) =>
    word.replace(/^:?(.)/, (mark, first: string) => (mark[0] === ':' ? 'By' : '') + first.toUpperCase()),
  );
  return method.toLowerCase() + names.join('');
}

function declared(
  { access = 'anyone', idempotent }: FastifyContextConfig,
  { headers, description }: FastifySchema,
): object {
  const required = idempotent === 'required' ? ['Idempotency-Key'] : [];
  return {
    description: [description, `For ${whoOf(access)}.`].filter(Boolean).join('\n\n'),
    security: securityOf(access),
    ...(typeof access === 'object' && { 'x-roles': access.roles, ...(access.scopes && { 'x-scopes': access.scopes }) }),
    ...(idempotent && {
      headers: headers ?? { type: 'object', required, properties: { 'Idempotency-Key': idempotencyKeySchema } },
    }),
  };
}

function whoOf(access: Access): string {
  if (access === 'anyone') return 'anyone';
  if (access === 'user') return 'anyone who is signed in';
  const keys = (access.scopes ?? []).map((scope) => `API keys with \`${scope}\``);
  return [...access.roles.map((role) => `\`${role}\``), ...keys].join(', ');
}

function securityOf(access: Access): Record<string, string[]>[] {
  if (access === 'anyone') return [];
  if (access === 'user') return [{ accessToken: [] }];
  const { roles, scopes = [] } = access;
  return [...(roles.length > 0 ? [{ accessToken: [] }] : []), ...(scopes.length > 0 ? [{ apiKey: [] }] : [])];
}

interface OpenApiDocument {
  components: { schemas?: Record<string, unknown> };
  paths: Record<string, Record<string, { responses: Record<string, { description: string }> }>>;
}

/** Every operation can be refused or fail, always in the same form. */
function withProblems(document: OpenApiDocument) {
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  const [refused, failed] = [
    { description: 'Refused', content },
    { description: 'Failed', content },
  ];
  for (const operations of Object.values(document.paths)) {
    for (const operation of Object.values(operations)) {
      for (const [status, response] of Object.entries(operation.responses)) {
        if (response.description === 'Default Response') response.description = STATUS_CODES[status] ?? status;
      }
      operation.responses['4XX'] ??= refused;
      operation.responses['5XX'] ??= failed;
    }
  }
  document.components.schemas = { ...document.components.schemas, Problem: problemSchema };
  return document;
}

/** A copy in which `nullable` is written in the way of 3.1. */
function withNullTypes(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withNullTypes);
  if (typeof node !== 'object' || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([name, value]) => [name, withNullTypes(value)]));
  if (copy['nullable'] !== true) return copy;
  delete copy['nullable'];
  return { ...copy, type: [copy['type'], 'null'] };
}
