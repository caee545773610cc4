import { Type, type Static } from 'typebox';
import type { Campaign } from '../database/entities/campaign.ts';
import { metrics } from '../domain/accrual.ts';
import { campaignStatuses } from '../domain/campaigns.ts';
import { platforms } from '../domain/post-urls.ts';
import { given } from './given.ts';
import {
  amountSchema,
  currencySchema,
  idSchema,
  nullable,
  oneOf,
  positiveAmountSchema,
  strict,
  timestampSchema,
} from './schemas.ts';

const targetingSchema = Type.Object(
  {
    countries: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Z]{2}$', description: 'ISO 3166-1 alpha-2' }), { maxItems: 250 }),
    ),
    min_followers: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })),
  },
  strict,
);

const limitSchema = Type.Optional(nullable(positiveAmountSchema));

const terms = {
  title: Type.String({ minLength: 1, maxLength: 200 }),
  brief: Type.String({ maxLength: 10_000 }),
  destination_url: Type.Optional(nullable(Type.String({ format: 'uri', pattern: '^https?://', maxLength: 2000 }))),
  currency: currencySchema,
  budget: positiveAmountSchema,
  rate_per_thousand: positiveAmountSchema,
  metric: oneOf(metrics),
  platforms: Type.Array(oneOf(platforms), { uniqueItems: true, description: 'None: any' }),
  slots: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  per_creator_cap: limitSchema,
  daily_budget: limitSchema,
  hourly_budget: limitSchema,
  starts_at: Type.String({ format: 'date-time' }),
  ends_at: Type.String({ format: 'date-time' }),
  targeting: Type.Optional(targetingSchema),
  auto_approve: Type.Optional(Type.Boolean()),
  allowlist: Type.Optional(
    Type.Array(idSchema, { maxItems: 10_000, description: 'Creators who are approved at once' }),
  ),
};

export const newCampaignSchema = Type.Object(terms, strict);
export const campaignChangesSchema = Type.Partial(newCampaignSchema, strict);

export type NewCampaign = Static<typeof newCampaignSchema>;
export type CampaignChanges = Static<typeof campaignChangesSchema>;

const limit = nullable(amountSchema);

export const campaignSchema = Type.Object({
  id: idSchema,
  brand_id: idSchema,
  title: Type.String(),
  brief: Type.String(),
  destination_url: nullable(Type.String()),
  currency: currencySchema,
  budget: amountSchema,
  rate_per_thousand: amountSchema,
  metric: oneOf(metrics),
  platforms: Type.Array(oneOf(platforms)),
  slots: Type.Integer(),
  slots_taken: Type.Integer(),
  per_creator_cap: limit,
  daily_budget: limit,
  hourly_budget: limit,
  starts_at: timestampSchema,
  ends_at: timestampSchema,
  targeting: Type.Object({
    countries: Type.Optional(Type.Array(Type.String())),
    min_followers: Type.Optional(Type.Integer()),
  }),
  auto_approve: Type.Boolean(),
  status: oneOf(campaignStatuses),
  created_at: timestampSchema,
  published_at: nullable(timestampSchema),
  completed_at: nullable(timestampSchema),
  allowlist: Type.Optional(Type.Array(idSchema, { description: 'For its brand and staff' })),
  funded: Type.Optional(amountSchema),
  spent: Type.Optional(amountSchema),
});

/** A campaign as the API shows it; who is let in and what is spent is for its brand and staff. */
export function campaignView(campaign: Campaign, insider: boolean): Static<typeof campaignSchema> {
  const { allowlist, funded, spent } = campaign;
  return {
    id: campaign.id,
    brand_id: campaign.brandId,
    title: campaign.title,
    brief: campaign.brief,
    destination_url: campaign.destinationUrl ?? null,
    currency: campaign.currency,
    budget: campaign.budget,
    rate_per_thousand: campaign.ratePerThousand,
    metric: campaign.metric,
    platforms: campaign.platforms,
    slots: campaign.slots,
    slots_taken: campaign.slotsTaken,
    per_creator_cap: campaign.perCreatorCap ?? null,
    daily_budget: campaign.dailyBudget ?? null,
    hourly_budget: campaign.hourlyBudget ?? null,
    starts_at: campaign.startsAt,
    ends_at: campaign.endsAt,
    targeting: campaign.targeting,
    auto_approve: campaign.autoApprove,
    status: campaign.status,
    created_at: campaign.createdAt,
    published_at: campaign.publishedAt ?? null,
    completed_at: campaign.completedAt ?? null,
    ...(insider && { allowlist, funded, spent }),
  };
}

/** The columns that a request gives, and no others. */
export function campaignColumns(changes: CampaignChanges) {
  return given({
    title: changes.title,
    brief: changes.brief,
    destinationUrl: changes.destination_url,
    currency: changes.currency,
    budget: amount(changes.budget),
    ratePerThousand: amount(changes.rate_per_thousand),
    metric: changes.metric,
    platforms: changes.platforms,
    slots: changes.slots,
    perCreatorCap: amountOrNull(changes.per_creator_cap),
    dailyBudget: amountOrNull(changes.daily_budget),
    hourlyBudget: amountOrNull(changes.hourly_budget),
    startsAt: instant(changes.starts_at),
    endsAt: instant(changes.ends_at),
    targeting: changes.targeting,
    autoApprove: changes.auto_approve,
    allowlist: changes.allowlist,
  });
}

const amount = (sent: number | undefined) => (sent === undefined ? undefined : BigInt(sent));
const amountOrNull = (sent: number | null | undefined) => (sent === null ? null : amount(sent));
const instant = (sent: string | undefined) => (sent === undefined ? undefined : new Date(sent));
