import { expect, test } from '@jest/globals';
import { applicationRefusal, type Applying } from '../../src/domain/campaigns.ts';

const fitting: Applying = {
  now: new Date('2026-01-15T00:00:00Z'),
  creator: { status: 'active', currency: 'USD', country: 'DE', followers: 500 },
  hasApplied: false,
  campaign: {
    status: 'published',
    startsAt: new Date('2026-01-01T00:00:00Z'),
    endsAt: new Date('2026-02-01T00:00:00Z'),
    currency: 'USD',
    left: 1n,
    slots: 10,
    slotsTaken: 9,
    targeting: { countries: ['DE', 'FR'], min_followers: 500 },
  },
};

interface Changes {
  now?: Date;
  hasApplied?: boolean;
  creator?: Partial<Applying['creator']>;
  campaign?: Partial<Applying['campaign']>;
}

function refusalWith({ creator, campaign, ...rest }: Changes): string | undefined {
  return applicationRefusal({
    ...fitting,
    ...rest,
    creator: { ...fitting.creator, ...creator },
    campaign: { ...fitting.campaign, ...campaign },
  })?.code;
}

test.each<[string, Changes, string | undefined]>([
  ['somebody who fits', {}, undefined],
  ['at the first moment', { now: fitting.campaign.startsAt }, undefined],
  ['before the start', { now: new Date('2025-12-31T23:59:59.999Z') }, 'campaign_not_open'],
  ['at the end', { now: fitting.campaign.endsAt }, 'campaign_not_open'],
  ['under review', { campaign: { status: 'reviewing' } }, 'campaign_not_open'],
  ['banned', { creator: { status: 'banned' } }, 'account_restricted'],
  ['a second time', { hasApplied: true }, 'conflict'],
  ['from another country', { creator: { country: 'US' } }, 'forbidden'],
  ['from a country that is not known', { creator: { country: null } }, undefined],
  ['with fewer followers', { creator: { followers: 499 } }, 'forbidden'],
  ['in another currency', { creator: { currency: 'EUR' } }, 'currency_mismatch'],
  ['with the budget gone', { campaign: { left: 0n } }, 'budget_exhausted'],
  ['with all slots taken', { campaign: { slotsTaken: 10 } }, 'campaign_full'],
  ['a second time where all slots are taken', { hasApplied: true, campaign: { slotsTaken: 10 } }, 'conflict'],
])('%s: %#', (_name, changes, code) => {
  expect(refusalWith(changes)).toBe(code);
});
