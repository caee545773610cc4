import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import underPressure from '@fastify/under-pressure';
import { Problem } from '../../domain/problems.ts';
import type { App } from '../app.ts';

/** Beyond that a request waits longer for its turn than callers wait for an answer. */
const MAX_EVENT_LOOP_DELAY_MS = 3000;

/** Headers that browsers honour, other origins only where they are listed, and no more work than the process can do. */
export async function security(app: App): Promise<void> {
  await app.register(helmet, {
    // JSON has nothing to load; the reference page relaxes this for itself
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    referrerPolicy: { policy: 'no-referrer' },
    crossOriginEmbedderPolicy: false,
  });
  const { corsOrigins } = app.settings;
  if (corsOrigins.length > 0) {
    await app.register(cors, {
      origin: corsOrigins,
      methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
      exposedHeaders: [
        'RateLimit-Limit',
        'RateLimit-Remaining',
        'RateLimit-Reset',
        'Retry-After',
        'Idempotent-Replayed',
      ],
    });
  }
  await app.register(underPressure, {
    maxEventLoopDelay: MAX_EVENT_LOOP_DELAY_MS,
    pressureHandler: () => {
      throw new Problem('unavailable', 'There is more work than can be done right now; try again soon.');
    },
  });
}
