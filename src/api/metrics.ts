import { Type } from 'typebox';
import { ingestSnapshots } from '../database/metric-snapshots.ts';
import { metrics } from '../domain/accrual.ts';
import type { App } from './app.ts';
import { actorOf } from './principal.ts';
import { idSchema, oneOf } from './schemas.ts';

/** An instant that every part of the system can hold, in any offset that there is on Earth. */
const instantSchema = Type.String({
  format: 'date-time',
  pattern: String.raw`^(?:19|20|21)\d\d-.*(?:[Zz]|[+-](?:0\d|1[0-4]):[0-5]\d)$`,
});

/** Four fields in all: the three that are required and one of the two subjects. */
const snapshotSchema = Type.Object(
  {
    participation_id: Type.Optional(idSchema),
    post_url: Type.Optional(Type.String({ minLength: 1, maxLength: 2000 })),
    metric: oneOf(metrics),
    value: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'Cumulative' }),
    observed_at: instantSchema,
  },
  { additionalProperties: false, minProperties: 4, maxProperties: 4 },
);

export function metricRoutes(app: App): void {
  app.post(
    '/api/v1/metrics',
    {
      config: { access: { roles: [], scopes: ['metrics:write'] } },
      schema: {
        tags: ['Metrics'],
        summary: 'Report counts',
        description:
          'Each count is of a post, or with `participation_id` of the participation as a whole. Sent again, it is a duplicate and changes nothing.',
        body: Type.Object(
          { snapshots: Type.Array(snapshotSchema, { minItems: 1, maxItems: 1000 }) },
          { additionalProperties: false },
        ),
        response: {
          202: Type.Object({
            accepted: Type.Integer(),
            duplicates: Type.Integer(),
            rejected: Type.Array(Type.Object({ index: Type.Integer(), code: Type.String() })),
          }),
        },
      },
    },
    async (request, reply) => {
      const { snapshots } = request.body;
      return reply.status(202).send(await ingestSnapshots(app.orm.em.fork(), snapshots, actorOf(request)));
    },
  );
}
