import { Type, type Static } from 'typebox';
import {
  findPayoutRun,
  listPayoutRunItems,
  listPayoutRuns,
  type PayoutRunRecord,
} from '../database/queries/payout-runs.ts';
import { Problem } from '../domain/problems.ts';
import { workflowIds } from '../workflows/contracts.ts';
import { cancelPayoutRun, pausePayoutRun, resumePayoutRun, type requestPayoutRun } from '../workflows/payout-run.ts';
import type { App } from './app.ts';
import { ask } from './ask.ts';
import { listQuery, page, pageSchema, parseCursor, parseIdCursor } from './pagination.ts';
import { actorOf } from './principal.ts';
import {
  amountSchema,
  currencySchema,
  idParams,
  idSchema,
  nullable,
  oneOf,
  strict,
  timestampSchema,
} from './schemas.ts';
import { workflowUrl } from './workflow-url.ts';

const runSchema = Type.Object({
  id: idSchema,
  schedule: Type.String(),
  period: Type.String(),
  sequence: Type.Integer(),
  status: oneOf(['preparing', 'awaiting_approval', 'running', 'paused', 'completed', 'canceled']),
  dry_run: Type.Boolean(),
  currency: currencySchema,
  considered: Type.Integer(),
  due: Type.Integer(),
  completed: Type.Integer(),
  failed: Type.Integer(),
  skipped: Type.Integer(),
  amount_due: amountSchema,
  amount_paid: amountSchema,
  progress: Type.Number({ minimum: 0, maximum: 1 }),
  control_hash: nullable(Type.String({ description: 'SHA-256 over who is due what' })),
  created_at: timestampSchema,
  finished_at: nullable(timestampSchema),
  workflow_id: Type.String(),
  workflow_url: Type.String(),
});

const itemSchema = Type.Object({
  creator_id: idSchema,
  outcome: oneOf(['due', 'paid', 'failed', 'skipped']),
  reason: nullable(Type.String()),
  next_date: nullable(timestampSchema),
  amount: amountSchema,
  payout_id: nullable(idSchema),
});

const newRunSchema = Type.Object(
  {
    dry_run: Type.Optional(Type.Boolean()),
    currency: Type.Optional(currencySchema),
    schedule: Type.Optional(oneOf(['monthly', 'biweekly', 'weekly'])),
    creator_ids: Type.Optional(Type.Array(idSchema, { minItems: 1, maxItems: 10_000, uniqueItems: true })),
  },
  strict,
);

const operatorSchema = Type.Object({ reason: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })) }, strict);

const tags = ['Payout runs'];
const access = { roles: ['admin', 'finance'] } as const;

export function payoutRunRoutes(app: App): void {
  app.post(
    '/api/v1/admin/payout-runs',
    {
      config: { access, idempotent: true },
      schema: {
        tags,
        summary: 'Pay everybody who is due, or with dry_run only say who would be',
        body: newRunSchema,
        response: { 202: Type.Object({ run_id: idSchema, workflow_id: Type.String(), workflow_url: Type.String() }) },
      },
    },
    async (request, reply) => {
      const { dry_run = false, currency = 'USD', schedule = 'monthly', creator_ids = null } = request.body;
      const made = await ask<typeof requestPayoutRun>(app, 'requestPayoutRun', {
        workflowId: `payout-run-request/${request.commandId}`,
        staticSummary: dry_run ? 'Dry run of the payouts' : 'Payout run asked for by staff',
        input: { schedule, currency, dryRun: dry_run, creatorIds: creator_ids, requestedBy: actorOf(request) },
      });
      return reply.code(202).send({
        run_id: made.runId,
        workflow_id: made.workflowId,
        workflow_url: workflowUrl(app.settings, made.workflowId),
      });
    },
  );

  app.get(
    '/api/v1/admin/payout-runs',
    {
      config: { access },
      schema: {
        tags,
        summary: 'All runs, newest first',
        querystring: listQuery,
        response: { 200: pageSchema(runSchema) },
      },
    },
    async ({ query: { limit, cursor } }) => {
      const rows = await listPayoutRuns(app.orm.em.fork(), { after: parseIdCursor(cursor), limit: limit + 1 });
      return page(
        rows.map((run) => shown(app, run)),
        limit,
        ({ id }) => id,
      );
    },
  );

  app.get(
    '/api/v1/admin/payout-runs/:id',
    {
      config: { access },
      schema: { tags, summary: 'How a run stands', params: idParams, response: { 200: runSchema } },
    },
    async (request) => shown(app, await existing(app, request.params.id)),
  );

  app.get(
    '/api/v1/admin/payout-runs/:id/items',
    {
      config: { access },
      schema: {
        tags,
        summary: 'Every creator considered, with the outcome',
        params: idParams,
        querystring: listQuery,
        response: { 200: pageSchema(itemSchema) },
      },
    },
    async ({ params, query: { limit, cursor } }) => {
      await existing(app, params.id);
      const after = Number(parseCursor(cursor) ?? 0);
      if (!Number.isSafeInteger(after))
        throw new Problem('validation_failed', 'The cursor is not one that this list gave.');
      const rows = await listPayoutRunItems(app.orm.em.fork(), { runId: params.id, after, limit: limit + 1 });
      return page(rows, limit, ({ ordinal }) => String(ordinal));
    },
  );

  const commands = {
    pause: { update: pausePayoutRun, from: ['preparing', 'running'], summary: 'Begin no further payouts' },
    resume: { update: resumePayoutRun, from: ['paused'], summary: 'Go on with a paused run' },
    cancel: {
      update: cancelPayoutRun,
      from: ['preparing', 'awaiting_approval', 'running', 'paused'],
      summary: 'Pay nobody further',
    },
  };
  for (const [name, { update, from, summary }] of Object.entries(commands)) {
    app.post(
      `/api/v1/admin/payout-runs/:id/${name}`,
      {
        config: { access, idempotent: true },
        schema: { tags, summary, params: idParams, body: operatorSchema, response: { 200: runSchema } },
      },
      async (request) => {
        const run = await existing(app, request.params.id);
        if (!from.includes(run.status))
          throw new Problem('invalid_state', `A run that is ${run.status} cannot be changed by ${name}.`);
        const handle = app.temporal.workflow.getHandle(workflowIdOf(run));
        await handle.executeUpdate(update, {
          args: [{ actor: actorOf(request), reason: request.body.reason ?? `${name} by staff` }],
        });
        return shown(app, await existing(app, run.id));
      },
    );
  }
}

async function existing(app: App, id: string): Promise<PayoutRunRecord> {
  const run = await findPayoutRun(app.orm.em.fork(), id);
  if (!run) throw new Problem('not_found', 'There is no such payout run.');
  return run;
}

const workflowIdOf = (run: PayoutRunRecord) => workflowIds.payoutRun(run.schedule, run.period, run.sequence);

function shown(app: App, run: PayoutRunRecord): Static<typeof runSchema> {
  const workflowId = workflowIdOf(run);
  return { ...run, status: run.status, workflow_id: workflowId, workflow_url: workflowUrl(app.settings, workflowId) };
}
