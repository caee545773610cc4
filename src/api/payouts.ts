import type { FastifyRequest } from 'fastify';
import { WithStartWorkflowOperation } from '@temporalio/client';
import { Type, type Static } from 'typebox';
import { creatorEligibility } from '../database/queries/eligibility.ts';
import { findPayout, listPayouts, type PayoutDetails } from '../database/queries/payouts.ts';
import { nextRunAt } from '../domain/payouts.ts';
import { Problem } from '../domain/problems.ts';
import { queues, searchAttributes, workflowIds } from '../workflows/contracts.ts';
import { cancelPayout, payout, payoutRequested, retryPayout, type PayoutInput } from '../workflows/payout.ts';
import type { App } from './app.ts';
import { listQuery, page, pageSchema, parseIdCursor } from './pagination.ts';
import { actorOf, isStaffRequest, requireCreator, requireOwner } from './principal.ts';
import {
  amountSchema,
  currencySchema,
  idParams,
  idSchema,
  nullable,
  oneOf,
  positiveAmountSchema,
  strict,
  timestampSchema,
} from './schemas.ts';
import { workflowUrl } from './workflow-url.ts';

const text = nullable(Type.String());

const payoutProperties = {
  id: idSchema,
  creator_id: idSchema,
  run_id: nullable(idSchema),
  status: Type.String(),
  amount: amountSchema,
  currency: currencySchema,
  method: Type.String(),
  reference_id: text,
  attempt: Type.Integer(),
  failure_code: text,
  failure_reason: text,
  created_at: timestampSchema,
  completed_at: nullable(timestampSchema),
};
const payoutSchema = Type.Object(payoutProperties);

const payoutDetailsSchema = Type.Object({
  ...payoutProperties,
  line_items: Type.Array(
    Type.Object({
      source_type: Type.String(),
      source_id: text,
      description: Type.String(),
      gross: amountSchema,
      fee: amountSchema,
      net: amountSchema,
    }),
  ),
  events: Type.Array(Type.Object({ status: Type.String(), detail: text, at: timestampSchema })),
  attempts: Type.Optional(
    Type.Array(
      Type.Object({
        attempt: Type.Integer(),
        step: Type.String(),
        status: Type.String(),
        provider_id: text,
        code: text,
        message: text,
        request_id: text,
        tries: Type.Integer(),
        started_at: timestampSchema,
        finished_at: nullable(timestampSchema),
      }),
      { description: 'Every call to a provider; for staff' },
    ),
  ),
  workflow_id: Type.Optional(Type.String({ description: 'For staff' })),
  workflow_url: Type.Optional(Type.String({ description: 'For staff' })),
});

const newPayoutSchema = Type.Object(
  {
    creator_id: idSchema,
    amount: Type.Optional(positiveAmountSchema),
    currency: Type.Optional(currencySchema),
    method: oneOf(['stripe', 'manual']),
    reference_id: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  },
  strict,
);

const upcomingSchema = Type.Object({
  scheduled_for: nullable(timestampSchema),
  estimated_amount: amountSchema,
  currency: currencySchema,
  minimum: amountSchema,
  eligible: Type.Boolean(),
  reasons: Type.Array(Type.String()),
});

const operatorSchema = Type.Object({ reason: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })) }, strict);

const tags = ['Payouts'];
const STAFF = ['admin', 'finance'] as const;

export function payoutRoutes(app: App): void {
  app.post(
    '/api/v1/payouts',
    {
      config: { access: { roles: STAFF }, idempotent: true, alias: '/payouts' },
      schema: { tags, summary: 'Pay a creator now', body: newPayoutSchema, response: { 202: payoutDetailsSchema } },
    },
    async (request, reply) => {
      const payoutId = request.commandId;
      await requestPayout(app, payoutId, request.body, actorOf(request));
      return reply.code(202).send(await detailsFor(request, payoutId));
    },
  );

  for (const url of ['/api/v1/payouts', '/api/v1/payouts/me']) {
    app.get(
      url,
      {
        config: { access: { roles: ['creator'] } },
        schema: { tags, summary: 'My payouts', querystring: listQuery, response: { 200: pageSchema(payoutSchema) } },
      },
      (request) => pageOfPayouts(app, requireCreator(request), request.query),
    );
  }

  app.get(
    '/api/v1/payouts/upcoming',
    {
      config: { access: { roles: ['creator'] } },
      schema: { tags, summary: 'When I am paid next, how much, and if not, why', response: { 200: upcomingSchema } },
    },
    (request) => upcoming(app, requireCreator(request)),
  );

  app.get(
    '/api/v1/payouts/:id',
    {
      config: { access: { roles: ['creator', ...STAFF] } },
      schema: { tags, summary: 'One payout', params: idParams, response: { 200: payoutDetailsSchema } },
    },
    (request) => detailsFor(request, request.params.id),
  );

  app.get(
    '/api/v1/creators/:id/payouts',
    {
      config: { access: { roles: ['creator', ...STAFF] }, alias: '/payouts/:id' },
      schema: {
        tags,
        summary: "A creator's payouts",
        params: idParams,
        querystring: listQuery,
        response: { 200: pageSchema(payoutSchema) },
      },
    },
    (request) => {
      requireOwner(request, request.params.id, ...STAFF);
      return pageOfPayouts(app, request.params.id, request.query);
    },
  );

  const decisions = { retry: retryPayout, cancel: cancelPayout };
  for (const [name, update] of Object.entries(decisions)) {
    app.post(
      `/api/v1/admin/payouts/:id/${name}`,
      {
        config: { access: { roles: STAFF }, idempotent: true },
        schema: {
          tags,
          summary: name === 'retry' ? 'Try a failed payout again' : 'Give up a payout that has not left',
          params: idParams,
          body: operatorSchema,
          response: { 200: payoutDetailsSchema },
        },
      },
      async (request) => {
        const found = await findPayout(app.orm.em.fork(), request.params.id);
        if (!found) throw new Problem('not_found', 'There is no such payout.');
        const reason = request.body.reason ?? `${name} by staff`;
        await app.temporal.workflow.executeUpdateWithStart(update, {
          args: [{ actor: actorOf(request), reason }],
          startWorkflowOperation: startPayout({ payoutId: found.id }, found.creator_id),
        });
        return detailsFor(request, found.id);
      },
    );
  }
}

function startPayout(input: PayoutInput, creatorId: string) {
  return new WithStartWorkflowOperation(payout, {
    workflowId: workflowIds.payout(input.payoutId),
    taskQueue: queues.core,
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: 'Payout to a creator',
    typedSearchAttributes: [{ key: searchAttributes.creatorId, value: creatorId }],
  });
}

async function requestPayout(
  app: App,
  payoutId: string,
  body: Static<typeof newPayoutSchema>,
  actor: string,
): Promise<void> {
  const request = {
    creatorId: body.creator_id,
    amount: body.amount?.toString() ?? null,
    currency: body.currency ?? null,
    method: body.method,
    referenceId: body.reference_id ?? null,
    actor,
  };
  await app.temporal.workflow.executeUpdateWithStart(payoutRequested, {
    startWorkflowOperation: startPayout({ payoutId, request }, body.creator_id),
  });
}

/** Errors: `not_found`, also for somebody else's. */
async function detailsFor(request: FastifyRequest, id: string): Promise<Static<typeof payoutDetailsSchema>> {
  const { orm, settings } = request.server;
  const found = await findPayout(orm.em.fork(), id);
  if (!found) throw new Problem('not_found', 'There is no such payout.');
  requireOwner(request, found.creator_id, ...STAFF);
  const { attempts, ...shown } = found;
  if (!isStaffRequest(request)) return shown;
  const workflowId = workflowIdOf(found);
  return { ...shown, attempts, workflow_id: workflowId, workflow_url: workflowUrl(settings, workflowId) };
}

/** Its own run, or the payout run that it went straight through with. */
function workflowIdOf({ id, own_run, run }: PayoutDetails): string {
  return own_run || !run ? workflowIds.payout(id) : workflowIds.payoutRun(run.schedule, run.period, run.sequence);
}

async function pageOfPayouts(app: App, creatorId: string, { limit, cursor }: Static<typeof listQuery>) {
  const rows = await listPayouts(app.orm.em.fork(), { creatorId, after: parseIdCursor(cursor), limit: limit + 1 });
  return page(rows, limit, ({ id }) => id);
}

async function upcoming(app: App, creatorId: string): Promise<Static<typeof upcomingSchema>> {
  const minimum = app.settings.payoutMinimum;
  const {
    currency,
    amount,
    reasons,
    payout_schedule: schedule,
  } = await creatorEligibility(app.orm.em.fork(), creatorId, minimum);
  const all = schedule === 'manual' ? [...reasons, 'schedule_not_due'] : reasons;
  return {
    scheduled_for: schedule === 'manual' ? null : nextRunAt(schedule, new Date()),
    estimated_amount: BigInt(amount),
    currency,
    minimum,
    eligible: all.length === 0,
    reasons: all,
  };
}
