import {
  condition,
  continueAsNew,
  defineSignal,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { FilledGaps } from '../activities/provider-event-gaps.ts';
import type { HandledBatch, ProviderEventActivities } from '../activities/provider-events.ts';
import { queues } from './contracts.ts';
import { longBatch, stripeWrite } from './presets.ts';

export interface ProviderEventsInput {
  provider: 'stripe';
}

/** There are new stored events. */
export const providerEventsStored = defineSignal('providerEventsStored');

const { handleProviderEvents } = proxyActivities<ProviderEventActivities>(stripeWrite);
const { fillProviderEventGaps: fillGaps } = proxyActivities<ProviderEventActivities>({
  ...longBatch,
  taskQueue: queues.stripe,
});

const BATCH = 500;
const BATCHES_PER_RUN = 200;
const PATIENCE_MS = 10_000;
/** What is due again later than this is left to the next run. */
const LONGEST_WAIT_MS = 60_000;
const OVERLAP_MS = 3_600_000;
const FIRST_LOOK_BACK_MS = 86_400_000;

/**
 * The inbox: handles stored events in sets until there are none, and ends when no more come for a while. Whoever stores events starts
 * it with a signal.
 */
export async function providerEvents({ provider }: ProviderEventsInput): Promise<void> {
  let signals = 0;
  setHandler(providerEventsStored, () => {
    signals += 1;
  });
  let handled = 0;
  for (let batches = 1; ; batches += 1) {
    const seen = signals;
    const batch = await handleProviderEvents({ provider, limit: BATCH });
    handled += batch.taken;
    tell(handled, batch);
    if (batches >= BATCHES_PER_RUN) await continueAsNew<typeof providerEvents>({ provider });
    if (batch.taken === BATCH) continue;
    const retryInMs = batch.retryInMs !== null && batch.retryInMs <= LONGEST_WAIT_MS ? batch.retryInMs : undefined;
    await condition(() => signals > seen, retryInMs ?? PATIENCE_MS);
    // a signal may arrive together with the end of the wait
    if (signals === seen && retryInMs === undefined) return;
  }
}

/** On a clock: fetches the events that no webhook brought, and handles what is there. */
export async function fillProviderEventGaps(): Promise<FilledGaps & { until: string }> {
  const { startTime, lastResult } = workflowInfo();
  const until = startTime.toISOString();
  const last = lastResult as { until: string } | undefined;
  const from = last ? Date.parse(last.until) - OVERLAP_MS : startTime.getTime() - FIRST_LOOK_BACK_MS;
  const filled = await fillGaps({ since: new Date(from).toISOString() });
  let batch: HandledBatch;
  let handled = 0;
  do {
    batch = await handleProviderEvents({ provider: 'stripe', limit: BATCH });
    handled += batch.taken;
    tell(handled, batch);
  } while (batch.taken === BATCH);
  return { ...filled, until };
}

function tell(handled: number, { retryInMs, abandoned }: HandledBatch): void {
  const retry =
    retryInMs === null ? '' : `\n\nOne or more are tried again, the next in ${Math.ceil(retryInMs / 1000)} s.`;
  const given = abandoned.length === 0 ? '' : `\n\nGiven up:\n\n${abandoned.map((line) => `- ${line}`).join('\n')}`;
  setCurrentDetails(`**${handled}** events handled.${retry}${given}`);
}
