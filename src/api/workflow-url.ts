import type { Settings } from '../config.ts';

/** Where an operator looks at a workflow. */
export function workflowUrl({ temporal }: Settings, workflowId: string): string {
  return `${temporal.uiUrl}/namespaces/${temporal.namespace}/workflows/${encodeURIComponent(workflowId)}`;
}
