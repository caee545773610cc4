/** What callers and workers agree on: queues, ids, search attributes. Message definitions stand beside the workflow that handles them. */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

/** By resource: quick database work, calls to Stripe, long set-based batches. */
export const queues = { core: 'core', stripe: 'stripe', bulk: 'bulk' } as const;

/** Pure functions of the business fact, so that starting twice finds the first. */
export const workflowIds = {
  campaign: (campaignId: string) => `campaign/${campaignId}`,
  participation: (participationId: string) => `participation/${participationId}`,
  earningsHold: (creatorId: string, currency: string, releaseAt: string) =>
    `earnings-hold/${creatorId}/${currency}/${releaseAt}`,
  payout: (payoutId: string) => `payout/${payoutId}`,
  /** The first run of a period is `payout-run/monthly/2026-12`, a second one ends in `/2`. */
  payoutRun: (schedule: string, period: string, sequence: number) =>
    `payout-run/${schedule}/${period}${sequence > 1 ? `/${sequence}` : ''}`,
  /** Opens the creator's account: one at a time. Later links to it are told apart by `link`, a digest of what was asked for. */
  onboarding: (creatorId: string, link?: string) => `onboarding/${creatorId}${link === undefined ? '' : `/${link}`}`,
  accountSync: (accountId: string) => `stripe-account/${accountId}`,
  accountDashboard: (accountId: string) => `stripe-account/${accountId}/dashboard`,
  providerEvents: (provider: string) => `provider-events/${provider}`,
} as const;

export const scheduleIds = {
  accrual: 'accrual',
  payouts: (schedule: string) => `payouts-${schedule}`,
  payoutCare: 'payout-care',
  payoutWatchdog: 'payout-watchdog',
  ledgerVerification: 'ledger-verification',
  providerEventGaps: 'provider-event-gaps',
} as const;

/** Registered on the server by `npm start`, the workers and the tests from this one list. No personal data. */
export const searchAttributes = {
  creatorId: defineSearchAttributeKey('CreatorId', SearchAttributeType.KEYWORD),
  campaignId: defineSearchAttributeKey('CampaignId', SearchAttributeType.KEYWORD),
  payoutRunId: defineSearchAttributeKey('PayoutRunId', SearchAttributeType.KEYWORD),
  period: defineSearchAttributeKey('Period', SearchAttributeType.KEYWORD),
  failingStep: defineSearchAttributeKey('FailingStep', SearchAttributeType.KEYWORD),
  failureReason: defineSearchAttributeKey('FailureReason', SearchAttributeType.KEYWORD),
  needsAttention: defineSearchAttributeKey('NeedsAttention', SearchAttributeType.BOOL),
} as const;

/** Who asks for something and why; every operator's update takes one and it is kept in the audit log. */
export interface OperatorRequest {
  actor: string;
  reason: string;
}
