import { Type } from 'typebox';
import {
  earningGroups,
  earningTotals,
  listEarnings,
  type EarningRecord,
  type EarningTotals,
} from '../database/queries/earnings.ts';
import { earningStatuses } from '../domain/earnings.ts';
import { sourceTypes } from '../domain/policies.ts';
import type { App } from './app.ts';
import { listQueryWith, page, pageSchema, parseCursor } from './pagination.ts';
import { parsePeriod, periodQuery } from './period.ts';
import { requireCreator } from './principal.ts';
import { amountSchema, currencySchema, idSchema, nullable, oneOf, timestampSchema } from './schemas.ts';

const tags = ['Earnings'];
const access = { roles: ['creator'] } as const;

const earningSchema = Type.Object({
  id: idSchema,
  source_type: oneOf(sourceTypes),
  source_id: idSchema,
  platform: nullable(Type.String()),
  gross: amountSchema,
  fee: amountSchema,
  net: amountSchema,
  clawed_back: amountSchema,
  currency: currencySchema,
  status: oneOf(earningStatuses),
  earned_at: timestampSchema,
  release_at: timestampSchema,
  locked_at: nullable(timestampSchema),
});

const totalsSchema = Type.Object({
  currency: currencySchema,
  gross: amountSchema,
  platform_fees: amountSchema,
  pending: amountSchema,
  locked: amountSchema,
  paid: amountSchema,
  lifetime: amountSchema,
  this_month: amountSchema,
  external: amountSchema,
});

const groupAmounts = { gross: amountSchema, fees: amountSchema, net: amountSchema };

const summarySchema = Type.Object({
  currency: currencySchema,
  months: Type.Array(Type.Object({ month: Type.String(), ...groupAmounts })),
  sources: Type.Array(Type.Object({ source_type: oneOf(sourceTypes), ...groupAmounts })),
  platforms: Type.Array(Type.Object({ platform: nullable(Type.String()), ...groupAmounts })),
});

export function earningRoutes(app: App): void {
  app.get(
    '/api/v1/earnings',
    {
      config: { access },
      schema: {
        tags,
        summary: 'My earnings',
        description: 'The period counts for the summary too; the other filters choose from the list.',
        querystring: listQueryWith({
          ...periodQuery,
          status: Type.Optional(oneOf(earningStatuses)),
          source_type: Type.Optional(oneOf(sourceTypes)),
          platform: Type.Optional(Type.String({ maxLength: 50 })),
        }),
        response: { 200: Type.Object({ summary: totalsSchema, ...pageSchema(earningSchema).properties }) },
      },
    },
    async (request) => {
      const creatorId = requireCreator(request);
      const { limit, cursor, status, source_type: sourceType, platform } = request.query;
      const period = parsePeriod(request.query);
      const filter = { ...period, status, sourceType, platform, after: parseCursor(cursor), limit: limit + 1 };
      const [totals, rows] = await Promise.all([
        earningTotals(app.orm.em.fork(), creatorId, period),
        listEarnings(app.orm.em.fork(), creatorId, filter),
      ]);
      const { data, ...rest } = page(rows, limit, ({ position }) => position);
      return { summary: totalsView(totals), data: data.map(earningView), ...rest };
    },
  );

  app.get(
    '/api/v1/earnings/summary',
    {
      config: { access },
      schema: {
        tags,
        summary: 'My earnings by month, by source and by platform',
        querystring: Type.Object(periodQuery),
        response: { 200: summarySchema },
      },
    },
    async (request) => {
      const creatorId = requireCreator(request);
      const period = parsePeriod(request.query);
      const [{ currency }, groups] = await Promise.all([
        earningTotals(app.orm.em.fork(), creatorId, period),
        earningGroups(app.orm.em.fork(), creatorId, period),
      ]);
      const amounts = groups.map(({ gross, fees, net, ...key }) => ({
        ...key,
        gross: BigInt(gross),
        fees: BigInt(fees),
        net: BigInt(net),
      }));
      return {
        currency,
        months: amounts.flatMap(({ kind, month, ...rest }) => (kind === 'month' && month ? [{ month, ...rest }] : [])),
        sources: amounts.flatMap(({ kind, source_type: source, ...rest }) =>
          kind === 'source' && source ? [{ source_type: source, ...rest }] : [],
        ),
        platforms: amounts.filter(({ kind }) => kind === 'platform'),
      };
    },
  );
}

function earningView({ gross, fee, net, clawed_back: clawedBack, ...row }: EarningRecord) {
  return { ...row, gross: BigInt(gross), fee: BigInt(fee), net: BigInt(net), clawed_back: BigInt(clawedBack) };
}

function totalsView({ currency, ...amounts }: EarningTotals) {
  return {
    currency,
    gross: BigInt(amounts.gross),
    platform_fees: BigInt(amounts.platform_fees),
    pending: BigInt(amounts.pending),
    locked: BigInt(amounts.locked),
    paid: BigInt(amounts.paid),
    lifetime: BigInt(amounts.lifetime),
    this_month: BigInt(amounts.this_month),
    external: BigInt(amounts.external),
  };
}
