import { scheduleIds } from '../../workflows/contracts.ts';
import type { Access } from './access.ts';
import { ledgerTotals, type LedgerTotals } from './ledger.ts';
import { runScheduled } from './schedules.ts';
import { until } from './wait.ts';

/** Long enough to be seen, short enough to be waited for. */
const HOLD = '2s';
const USUAL_HOLD = '14d';
const POLICY_PATH = '/api/v1/admin/earning-policies/campaign';
const LOCK_MS = 300_000;

interface Policy {
  fee_bps: number;
  hold: string;
}

/** While `work` is done, what campaigns pay is free of fees and held for a moment only. Afterwards the policy is what it was. */
export async function withShortHold<T>({ admin }: Access, work: () => Promise<T>): Promise<T> {
  const found = await admin.get<Policy>(POLICY_PATH);
  await admin.put(POLICY_PATH, { fee_bps: 0, hold: HOLD });
  try {
    return await work();
  } finally {
    // an earlier run that was cut off here left the short one
    const hold = found.hold === HOLD ? USUAL_HOLD : found.hold;
    await admin.put(POLICY_PATH, { fee_bps: found.fee_bps, hold });
  }
}

/** Lets the counts become earnings now rather than at the next full hour. */
export async function accrueNow({ temporal }: Access): Promise<void> {
  await runScheduled(temporal, scheduleIds.accrual);
}

/** Until the holds have let everything go that these creators earned. */
export async function untilLocked({ orm }: Access, creatorIds: string[]): Promise<LedgerTotals> {
  const look = async () => {
    const totals = await ledgerTotals(orm, creatorIds);
    return totals.onHold === 0n ? totals : undefined;
  };
  return until(look, { what: 'the holds to end', firstPauseMs: 250, giveUpAfterMs: LOCK_MS });
}
