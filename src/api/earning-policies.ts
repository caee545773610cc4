import { LockMode } from '@mikro-orm/core';
import { Type } from 'typebox';
import { recordAudit } from '../database/audit.ts';
import { EarningPolicy } from '../database/entities/earning-policy.ts';
import { formatDuration, parseDuration } from '../domain/durations.ts';
import { sourceTypes } from '../domain/policies.ts';
import { Problem } from '../domain/problems.ts';
import type { App } from './app.ts';
import { pageSchema } from './pagination.ts';
import { actorOf } from './principal.ts';
import { oneOf, strict, timestampSchema } from './schemas.ts';

const tags = ['Earnings'];
const access = { roles: ['admin'] } as const;

/** As long as a chargeback can come. */
const LONGEST_HOLD_MS = 365 * 86_400_000;

const policySchema = Type.Object({
  source_type: oneOf(sourceTypes),
  fee_bps: Type.Integer({ description: "The platform's part, in basis points" }),
  hold: Type.String({ description: 'How long what was earned waits until it can be paid' }),
  updated_at: timestampSchema,
});

export function earningPolicyRoutes(app: App): void {
  app.get(
    '/api/v1/admin/earning-policies',
    {
      config: { access },
      schema: { tags, summary: 'Fee and hold of each source', response: { 200: pageSchema(policySchema) } },
    },
    async () => {
      const policies = await app.orm.em.fork().find(EarningPolicy, {}, { orderBy: { sourceType: 'asc' } });
      return { data: policies.map(policyView), has_more: false, next_cursor: null };
    },
  );

  app.get(
    '/api/v1/admin/earning-policies/:source_type',
    {
      config: { access },
      schema: {
        tags,
        summary: 'Fee and hold of one source',
        params: Type.Object({ source_type: oneOf(sourceTypes) }),
        response: { 200: policySchema },
      },
    },
    async (request) => {
      const { source_type: sourceType } = request.params;
      return policyView(await app.orm.em.fork().findOneOrFail(EarningPolicy, { sourceType }));
    },
  );

  app.put(
    '/api/v1/admin/earning-policies/:source_type',
    {
      config: { access },
      schema: {
        tags,
        summary: 'Change fee and hold of a source',
        description: 'For what is earned from now on; what was earned keeps its fee and its release.',
        params: Type.Object({ source_type: oneOf(sourceTypes) }),
        body: Type.Object(
          {
            fee_bps: Type.Integer({ minimum: 0, maximum: 10_000 }),
            hold: Type.String({ maxLength: 20, description: 'Such as 14d, 12h or 0s' }),
          },
          strict,
        ),
        response: { 200: policySchema },
      },
    },
    async (request) => {
      const { source_type: sourceType } = request.params;
      const { fee_bps: feeBps, hold } = request.body;
      const holdMs = requireHold(hold);
      const policy = await app.orm.em.fork().transactional(async (em) => {
        const found = await em.findOneOrFail(EarningPolicy, { sourceType }, { lockMode: LockMode.PESSIMISTIC_WRITE });
        const before = { fee_bps: found.feeBps, hold: formatDuration(Number(found.holdMs)) };
        em.assign(found, { feeBps, holdMs });
        await em.flush();
        await recordAudit(em, {
          actor: actorOf(request),
          action: 'earning_policy_changed',
          subject: { type: 'earning_policy', id: sourceType },
          details: { before, after: { fee_bps: feeBps, hold } },
        });
        return found;
      });
      return policyView(policy);
    },
  );
}

function requireHold(hold: string): bigint {
  const ms = parseDuration(hold);
  if (ms !== undefined && ms <= LONGEST_HOLD_MS) return BigInt(ms);
  const errors = [{ path: 'hold', message: 'must be a duration such as 14d or 12h, of a year at most' }];
  throw new Problem('validation_failed', 'The hold is not a usable duration.', errors);
}

function policyView({ sourceType, feeBps, holdMs, updatedAt }: EarningPolicy) {
  return { source_type: sourceType, fee_bps: feeBps, hold: formatDuration(Number(holdMs)), updated_at: updatedAt };
}
