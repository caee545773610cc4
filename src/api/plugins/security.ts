import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import type { App } from '../app.ts';

/** Headers that browsers honour, and other origins only where they are listed. */
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
}
