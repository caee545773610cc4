/** What may happen to a campaign, and who may apply to it. */
import type { ProblemCode } from './problems.ts';

export const campaignStatuses = ['draft', 'reviewing', 'published', 'completed'] as const;
export type CampaignStatus = (typeof campaignStatuses)[number];

/** Each step with the status that it leaves from and the one that it leads to. */
export const campaignSteps = {
  submit: { from: 'draft', to: 'reviewing' },
  publish: { from: 'reviewing', to: 'published' },
  complete: { from: 'published', to: 'completed' },
} as const satisfies Record<string, { from: CampaignStatus; to: CampaignStatus }>;
export type CampaignStep = keyof typeof campaignSteps;

/** What a campaign looks for in a creator. What is not known of a creator is not held against them. */
export interface Targeting {
  /** ISO 3166-1 alpha-2. */
  countries?: string[];
  min_followers?: number;
}

/** What is weighed when somebody applies; amounts in minor units. */
export interface Applying {
  now: Date;
  creator: { status: string; currency: string; country: string | null; followers: number };
  hasApplied: boolean;
  campaign: {
    status: string;
    startsAt: Date;
    endsAt: Date;
    currency: string;
    left: bigint;
    slots: number;
    slotsTaken: number;
    targeting: Targeting;
  };
}

interface Refusal {
  code: ProblemCode;
  detail: string;
}

/** Why this creator cannot apply to this campaign now; undefined: nothing stands in the way. */
export function applicationRefusal({ now, creator, hasApplied, campaign }: Applying): Refusal | undefined {
  if (creator.status !== 'active') return { code: 'account_restricted', detail: 'The account may not join campaigns.' };
  if (hasApplied) return { code: 'conflict', detail: 'There is an application to this campaign already.' };
  const running = campaign.status === 'published' && now >= campaign.startsAt && now < campaign.endsAt;
  if (!running) return { code: 'campaign_not_open', detail: 'The campaign does not take applications now.' };
  const mismatch = targetingMismatch(campaign.targeting, creator);
  if (mismatch) return { code: 'forbidden', detail: mismatch };
  if (creator.currency !== campaign.currency) {
    return {
      code: 'currency_mismatch',
      detail: `The campaign pays in ${campaign.currency}, the account is in ${creator.currency}.`,
    };
  }
  if (campaign.left <= 0n) return { code: 'budget_exhausted', detail: 'The budget of the campaign is used up.' };
  if (campaign.slotsTaken >= campaign.slots) return { code: 'campaign_full', detail: 'The campaign has no free slot.' };
  return undefined;
}

function targetingMismatch(targeting: Targeting, creator: Applying['creator']): string | undefined {
  const { countries = [], min_followers: followers = 0 } = targeting;
  if (countries.length > 0 && creator.country !== null && !countries.includes(creator.country)) {
    return 'The campaign is for creators of other countries.';
  }
  if (creator.followers < followers) return `The campaign is for creators with at least ${followers} followers.`;
  return undefined;
}
