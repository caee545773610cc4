import { defineEntity, p } from '@mikro-orm/core';
import type { Metric } from '../../domain/accrual.ts';
import type { CampaignStatus, Targeting } from '../../domain/campaigns.ts';
import type { Platform } from '../../domain/post-urls.ts';

const CampaignSchema = defineEntity({
  name: 'Campaign',
  tableName: 'campaign',
  properties: {
    id: p.uuid().primary(),
    /** The user who pays for it. */
    brandId: p.uuid(),
    title: p.text(),
    brief: p.text(),
    destinationUrl: p.text().nullable(),
    currency: p.character().length(3),
    /** Amounts are minor units of the currency. */
    budget: p.bigint(),
    ratePerThousand: p.bigint(),
    metric: p.text().$type<Metric>(),
    /** None: posts of any platform are taken. */
    platforms: p.array().$type<Platform[]>(),
    slots: p.integer(),
    perCreatorCap: p.bigint().nullable(),
    dailyBudget: p.bigint().nullable(),
    hourlyBudget: p.bigint().nullable(),
    startsAt: p.datetime(),
    endsAt: p.datetime(),
    targeting: p.json<Targeting>(),
    autoApprove: p.boolean(),
    /** Creators who are approved at once. */
    allowlist: p.array().columnType('uuid[]').$type<string[]>(),
    status: p.text().$type<CampaignStatus>().default('draft'),
    /** Paid in by the brand so far. */
    funded: p.bigint().defaultRaw('0'),
    /** Gross, accrued so far. */
    spent: p.bigint().defaultRaw('0'),
    slotsTaken: p.integer().default(0),
    createdAt: p.datetime().defaultRaw('now()'),
    updatedAt: p
      .datetime()
      .defaultRaw('now()')
      .onUpdate(() => new Date()),
    publishedAt: p.datetime().nullable(),
    completedAt: p.datetime().nullable(),
  },
});

/** What a brand pays creators for. Its steps and its money are moved by SQL that locks the row; see `activities/campaigns.ts`. */
export class Campaign extends CampaignSchema.class {}
CampaignSchema.setClass(Campaign);
export { CampaignSchema };
