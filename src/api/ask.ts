import { WorkflowFailedError } from '@temporalio/client';
import { TimeoutFailure, type SearchAttributePair } from '@temporalio/common';
import { Problem } from '../domain/problems.ts';
import { queues } from '../workflows/contracts.ts';
import type { App } from './app.ts';

type ShortWorkflow = (input: never) => Promise<unknown>;

interface Question<W extends ShortWorkflow> {
  workflowId: string;
  input: Parameters<W>[0];
  /** What the run is for, as people see it in Temporal's UI. */
  staticSummary: string;
  typedSearchAttributes?: SearchAttributePair[];
}

/**
 * Runs a short workflow, or joins the one of that id that is at it, and waits for its answer. Errors: those that the workflow ends
 * with, and `unavailable` when no worker takes it up.
 */
export async function ask<W extends ShortWorkflow>(
  app: App,
  workflow: string,
  { input, ...question }: Question<W>,
): Promise<Awaited<ReturnType<W>>> {
  try {
    const handle = await app.temporal.workflow.start(workflow, {
      taskQueue: queues.core,
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowExecutionTimeout: '30s',
      args: [input],
      ...question,
    });
    return (await handle.result()) as Awaited<ReturnType<W>>;
  } catch (error) {
    const isLate = error instanceof WorkflowFailedError && error.cause instanceof TimeoutFailure;
    throw isLate ? new Problem('unavailable', 'Nobody took this up in time; try again soon.') : error;
  }
}
