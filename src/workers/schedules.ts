import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client, type ScheduleOptions } from '@temporalio/client';
import type { Settings } from '../config.ts';
import { biweeklyOffsetMs } from '../domain/payouts.ts';
import { queues, scheduleIds } from '../workflows/contracts.ts';

const CATCH_UP = '30 days';
const GRACE_MS = 6 * 3_600_000;

/** Every schedule of the platform. Whoever writes a scheduled workflow adds its line here. */
function schedules(settings: Settings): ScheduleOptions[] {
  const payouts = (schedule: 'monthly' | 'biweekly' | 'weekly', spec: ScheduleOptions['spec']) =>
    define(scheduleIds.payouts(schedule), 'scheduledPayoutRun', { schedule, currency: 'USD' }, spec, {
      overlap: ScheduleOverlapPolicy.BUFFER_ONE,
      note: `Pays everybody who chose ${schedule} payouts and is due`,
    });
  return [
    payouts('monthly', { cronExpressions: [settings.payoutSchedule], timezone: 'UTC' }),
    payouts('biweekly', { intervals: [{ every: '14 days', offset: biweeklyOffsetMs }] }),
    payouts('weekly', { calendars: [{ dayOfWeek: 'MONDAY', hour: 0, minute: 0 }], timezone: 'UTC' }),
    define(
      scheduleIds.accrual,
      'accrual',
      {},
      { intervals: [{ every: settings.accrualIntervalMs }] },
      {
        note: 'Turns new metric snapshots into earnings',
      },
    ),
    define(
      scheduleIds.payoutCare,
      'payoutCare',
      undefined,
      { intervals: [{ every: '2 minutes' }] },
      {
        note: 'Looks after payouts that a crash or a lost webhook left alone',
      },
    ),
    define(
      scheduleIds.payoutWatchdog,
      'payoutWatchdog',
      { graceMs: GRACE_MS },
      { calendars: [{ hour: 7 }], timezone: 'UTC' },
      {
        note: 'Fails where a payout cycle did not run',
      },
    ),
    define(
      scheduleIds.ledgerVerification,
      'ledgerVerification',
      undefined,
      { calendars: [{ hour: 3 }], timezone: 'UTC' },
      {
        note: 'Rebuilds every balance from the postings and compares',
      },
    ),
    define(
      scheduleIds.providerEventGaps,
      'fillProviderEventGaps',
      undefined,
      { intervals: [{ every: '5 minutes' }] },
      {
        note: 'Fetches provider events whose webhook got lost',
      },
    ),
  ];
}

function define(
  scheduleId: string,
  workflowType: string,
  input: object | undefined,
  spec: ScheduleOptions['spec'],
  { overlap = ScheduleOverlapPolicy.SKIP, note }: { overlap?: ScheduleOverlapPolicy; note: string },
): ScheduleOptions {
  return {
    scheduleId,
    spec,
    policies: { overlap, catchupWindow: CATCH_UP, pauseOnFailure: false },
    state: { note },
    action: {
      type: 'startWorkflow',
      workflowType,
      taskQueue: queues.core,
      args: input ? [input] : [],
      staticSummary: note,
    },
  };
}

/** Makes each schedule what the list says; whether somebody paused it stays. */
export async function ensureSchedules(client: Client, settings: Settings): Promise<void> {
  await Promise.all(schedules(settings).map((options) => ensureSchedule(client, options)));
}

async function ensureSchedule(client: Client, options: ScheduleOptions): Promise<void> {
  try {
    await client.schedule.create(options);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const { spec, policies = {}, action } = options;
    await client.schedule.getHandle(options.scheduleId).update(({ state }) => ({ spec, policies, action, state }));
  }
}
