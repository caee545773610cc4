import { defineSignal, proxyActivities, setCurrentDetails, setHandler, sleep } from '@temporalio/workflow';
import type { EarningActivities, Hold } from '../activities/earnings.ts';
import { dbQuick } from './presets.ts';

/** Something was earned that this hold releases. One that comes while the hold is ending keeps it from ending. */
export const earningsAdded = defineSignal('earningsAdded');

const db = proxyActivities<EarningActivities>(dbQuick);

/** Waits until what a creator earned is released, then makes it payable. Returns the minor units that it locked. */
export async function earningsHold(hold: Hold): Promise<string> {
  let added = 0;
  setHandler(
    earningsAdded,
    () => {
      added += 1;
    },
    { description: 'Something was earned that this hold releases' },
  );
  setCurrentDetails(`On hold until **${hold.releaseAt}**`);
  const wait = Date.parse(hold.releaseAt) - Date.now();
  if (wait > 0) await sleep(wait, { summary: `Hold until ${hold.releaseAt}` });

  let seen: number;
  let earnings = 0;
  let amount = 0n;
  do {
    seen = added;
    const locked = await db.lockEarnings(hold);
    earnings += locked.earnings;
    amount += BigInt(locked.amount);
  } while (added > seen);
  setCurrentDetails(`Locked ${earnings} earnings: ${amount} ${hold.currency} (minor units)`);
  return amount.toString();
}
