import { ScheduleOverlapPolicy, WorkflowFailedError, type Client, type ScheduleHandle } from '@temporalio/client';
import { DemoError } from './errors.ts';
import { until } from './wait.ts';

const START_MS = 60_000;

/** Lets a schedule start now what it starts at its times, once what it has started before has ended. Returns the workflow's id. */
export async function trigger(client: Client, scheduleId: string): Promise<string> {
  const schedule = client.schedule.getHandle(scheduleId);
  const before = await startedBy(schedule);
  await schedule.trigger(ScheduleOverlapPolicy.BUFFER_ONE);
  const isNew = (id: string) => !before.includes(id);
  const started = async () => (await startedBy(schedule)).find(isNew);
  return until(started, { what: `schedule ${scheduleId} to start`, firstPauseMs: 50, giveUpAfterMs: START_MS });
}

/** As {@link trigger}, and waits until it has ended. @throws DemoError where it failed */
export async function runScheduled(client: Client, scheduleId: string): Promise<void> {
  const workflowId = await trigger(client, scheduleId);
  try {
    await client.workflow.getHandle(workflowId).result();
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    throw new DemoError(`${workflowId} failed: ${error.cause?.message ?? error.message}.`, { cause: error });
  }
}

/** The workflows that it started last. */
async function startedBy(schedule: ScheduleHandle): Promise<string[]> {
  const { info } = await schedule.describe();
  return info.recentActions.map(({ action }) => action.workflow.workflowId);
}
