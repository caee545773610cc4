import { Context } from '@temporalio/activity';
import type { PostedBy } from '../ledger/post.ts';

/** Links what an activity writes to the workflow that asked for it. */
export function postedByWorkflow(actor = 'system'): PostedBy {
  const { workflowExecution } = Context.current().info;
  return workflowExecution ? { actor, workflowId: workflowExecution.workflowId } : { actor };
}
