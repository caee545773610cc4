import type { OperatorRequest } from './contracts.ts';

/** Somebody wants something to take a step. */
export interface StepRequest extends OperatorRequest {
  /** A UUID that names the request for ever: carried out again after a crash, it is answered as the first time. */
  requestId: string;
}

/** Refuses an update that does not say who asks and why. */
export function requireStepRequest({ actor, reason, requestId }: StepRequest): void {
  if (!actor || !reason || !requestId) throw new Error('Give { actor, reason, requestId }');
}

/** Refuses an operator's update that does not say who asks and why. */
export function requireReason({ actor, reason }: OperatorRequest): void {
  if (!actor || !reason) throw new Error('Give { actor, reason }');
}
