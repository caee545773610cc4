/** What the platform checks about itself, by schedule. A finding ends the run as failed with its reason, which alerts. */
import { ApplicationFailure, proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { LedgerActivities } from '../activities/ledger.ts';
import type { PayoutActivities } from '../activities/payouts.ts';
import type { PayoutRunActivities } from '../activities/payout-runs.ts';
import type { LedgerVerification } from '../ledger/verify.ts';
import { dbQuick, longBatch, stripeWrite } from './presets.ts';

const bulk = proxyActivities<LedgerActivities>({ ...longBatch, heartbeatTimeout: '30m' });
const stripe = proxyActivities<PayoutActivities>({ ...stripeWrite, heartbeatTimeout: '10m' });
const db = proxyActivities<PayoutRunActivities>(dbQuick);

/** Nightly: rebuilds the ledger and names the first difference of each kind. */
export async function ledgerVerification(): Promise<LedgerVerification> {
  const result = await bulk.verifyLedger();
  const found = result.differences.map(({ check, subject, detail }) => `${check}: ${subject} ${detail}`);
  setCurrentDetails(
    found.length === 0 ? `**verified** · ${result.entries} entries` : `**differs**\n\n${found.join('\n\n')}`,
  );
  if (found.length > 0) throw ApplicationFailure.nonRetryable(found.join('; '), 'LedgerDiffers');
  return result;
}

/** Every few minutes: payouts that a crash or a lost webhook left without anybody to look after them. */
export async function payoutCare(): Promise<void> {
  await stripe.careForPayouts();
}

/** Daily: every payout cycle that was due has a run. */
export async function payoutWatchdog(input: { graceMs: number }): Promise<string[]> {
  const missed = await db.findMissedPayoutRuns(input);
  setCurrentDetails(missed.length === 0 ? '**every cycle ran**' : `**payout cycles missed**\n\n${missed.join('\n\n')}`);
  if (missed.length > 0) throw ApplicationFailure.nonRetryable(missed.join('; '), 'PayoutCycleMissed');
  return missed;
}
