import pLimit from 'p-limit';
import { scheduleIds } from '../../workflows/contracts.ts';
import type { Access } from './access.ts';
import type { Creator } from './creators.ts';
import { DemoError } from './errors.ts';
import { trigger } from './schedules.ts';
import { until } from './wait.ts';

const AT_ONCE = 12;
const RUN_MS = 30 * 60_000;
/** For payouts that the run left to runs of their own. */
const STRAGGLERS_MS = 60_000;

/** Their outcome is not known yet. */
const OPEN = ['pending', 'approved', 'processing', 'in_transit', 'outcome_unknown', 'held'];

interface RunView {
  id: string;
  schedule: string;
  status: string;
  due: number;
  completed: number;
}

export interface PayoutView {
  id: string;
  status: string;
  /** Minor units. */
  amount: number;
  failure_code: string | null;
}

/** Has the monthly schedule start its run now, and waits until that has paid everybody who is due. */
export async function runMonthlyPayouts({ admin, temporal }: Access, say: (state: string) => void): Promise<void> {
  const path = '/api/v1/admin/payout-runs';
  const newest = async () => (await admin.get<{ data: RunView[] }>(`${path}?limit=10`)).data;
  const last = (await newest())[0]?.id ?? '';
  await trigger(temporal, scheduleIds.payouts('monthly'));
  const times = { firstPauseMs: 250, giveUpAfterMs: RUN_MS };
  const found = async () => (await newest()).find(({ id, schedule }) => schedule === 'monthly' && id > last);
  const { id } = await until(found, { what: 'the payout run to begin', ...times });
  const ended = async () => {
    const run = await admin.get<RunView>(`${path}/${id}`);
    say(`${run.completed} of ${run.due} paid`);
    return ['completed', 'canceled'].includes(run.status) ? run : undefined;
  };
  const { status } = await until(ended, { what: `payout run ${id} to end`, ...times });
  if (status === 'canceled') throw new DemoError(`Payout run ${id} was canceled.`);
}

/** All payouts that each creator ever had, by the creator's id, once their outcome is known or waiting for it makes no sense. */
export async function payoutsOf({ admin }: Access, creators: Creator[]): Promise<Map<string, PayoutView[]>> {
  const limit = pLimit(AT_ONCE);
  const deadline = Date.now() + STRAGGLERS_MS;
  const read = ({ id }: Creator) => limit(() => admin.list<PayoutView>(`/api/v1/creators/${id}/payouts`));
  const settled = (creator: Creator) =>
    until(
      async () => {
        const payouts = await read(creator);
        const isOpen = payouts.some(({ status }) => OPEN.includes(status));
        return isOpen && Date.now() < deadline ? undefined : payouts;
      },
      { what: `the payouts of ${creator.channel.name}`, firstPauseMs: 500, giveUpAfterMs: 2 * STRAGGLERS_MS },
    );
  return new Map(await Promise.all(creators.map(async (creator) => [creator.id, await settled(creator)] as const)));
}
