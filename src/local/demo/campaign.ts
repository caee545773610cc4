import { enter, type Access, type Person } from './access.ts';
import { DemoError } from './errors.ts';
import { expectedEarnings, type Channel } from './expected.ts';
import type { DayCount } from './input.ts';

const DAY_MS = 86_400_000;
const LATEST_END = '2099-12-31T00:00:00Z';

export interface Campaign {
  id: string;
  brand: Person;
  ratePerThousand: bigint;
  /** An earlier run began with the same input. */
  known: boolean;
}

interface CampaignView {
  id: string;
  status: string;
  budget: number;
  funded: number;
}

interface Plan {
  /** Tells campaigns of different files and rates apart. */
  inputId: string;
  channels: Channel[];
  rows: DayCount[];
  ratePerThousand: bigint;
}

/** A campaign of a brand of its own that takes all channels and can pay all that they earn; goes on where an earlier run ended. */
export async function openCampaign(access: Access, plan: Plan): Promise<Campaign> {
  const newcomer = { email: `brand@${plan.inputId}.example`, full_name: 'Demo brand', role: 'brand' as const };
  const brand = await enter(access, newcomer, false);
  const [found] = await brand.api.list<CampaignView>('/api/v1/campaigns');
  const draft = found ?? (await brand.api.post<CampaignView>('/api/v1/campaigns', termsOf(plan)));
  const path = `/api/v1/campaigns/${draft.id}`;
  if (draft.funded < draft.budget) await brand.api.post(`${path}/fund`, { amount: draft.budget - draft.funded });
  if (draft.status === 'draft') await brand.api.post(`${path}/submit`);
  if (['draft', 'reviewing'].includes(draft.status)) await access.admin.post(`${path}/publish`);
  return { id: draft.id, brand, ratePerThousand: plan.ratePerThousand, known: found !== undefined };
}

function termsOf({ inputId, channels, rows, ratePerThousand }: Plan): object {
  const budget = channels.reduce((sum, channel) => sum + expectedEarnings(channel, ratePerThousand), 0n);
  if (budget > BigInt(Number.MAX_SAFE_INTEGER)) throw new DemoError('The file earns more than an amount can hold.');
  const firstDay = Math.min(...dates(rows).map((date) => Date.parse(date)));
  return {
    title: `Daily views, input ${inputId}`,
    brief: 'Pays for the views that a file of daily counts reports.',
    currency: 'USD',
    // a campaign cannot be without a budget, even where nobody has earned anything
    budget: Number(budget > 0n ? budget : 1n),
    rate_per_thousand: Number(ratePerThousand),
    metric: 'views',
    platforms: ['youtube'],
    slots: channels.length,
    starts_at: new Date(firstDay - DAY_MS).toISOString(),
    ends_at: LATEST_END,
    auto_approve: true,
  };
}

function dates(rows: DayCount[]): string[] {
  return [...new Set(rows.map(({ date }) => date))];
}
