import type { FastifyInstance } from 'fastify';

/** An outside service that the sandbox stands in for. */
export interface Provider {
  /** As in `/_sandbox/{name}/…`, faults and the journal. */
  name: string;
  /** Its API, as its real clients call it. */
  registerApi: (app: FastifyInstance) => void;
  /** Its controls and hosted pages. */
  registerControls: (app: FastifyInstance) => void;
  /** Takes up what an earlier run left undone, once the change log is open. */
  resume: () => void;
  close: () => void;
}
