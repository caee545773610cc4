/** Named activity options: what kind of work it is decides how long it may take and how it is tried again. */
import type { ActivityOptions } from '@temporalio/workflow';
import { queues } from './contracts.ts';

/** One short transaction. */
export const dbQuick: ActivityOptions = {
  taskQueue: queues.core,
  startToCloseTimeout: '30s',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '10s' },
};

/** Calls that move money at Stripe or read it there; heartbeats and resumes from its rows. */
export const stripeWrite: ActivityOptions = {
  taskQueue: queues.stripe,
  startToCloseTimeout: '10m',
  heartbeatTimeout: '30s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '5m' },
};

/** A single read or an account update at Stripe that a person may be waiting for. */
export const stripeRead: ActivityOptions = {
  taskQueue: queues.stripe,
  startToCloseTimeout: '30s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '1m' },
};

/** Set-based work over many rows, in pages, with heartbeats. */
export const longBatch: ActivityOptions = {
  taskQueue: queues.bulk,
  startToCloseTimeout: '30m',
  heartbeatTimeout: '1m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
};
