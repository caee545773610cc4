import { sql } from 'kysely';
import proto from '@temporalio/proto';
import { Type } from 'typebox';
import { queues } from '../workflows/contracts.ts';
import type { App } from './app.ts';
import { oneOf } from './schemas.ts';

const TIMEOUT_MS = 2000;
/** A worker asks for work again each minute; the server remembers those that are gone for longer. */
const POLLED_LATELY_MS = 90_000;
/** Whoever asks in between gets the same answer: health checks are no way to load the servers. */
const ANSWER_LASTS_MS = 1000;

const state = oneOf(['ok', 'down']);
const healthSchema = Type.Object({
  status: oneOf(['ok', 'degraded', 'down']),
  postgres: state,
  temporal: state,
  workers: state,
});

interface Health {
  status: 'ok' | 'degraded' | 'down';
  postgres: 'ok' | 'down';
  temporal: 'ok' | 'down';
  workers: 'ok' | 'down';
}

export function healthRoutes(app: App): void {
  let answer: { at: number; health: Promise<Health> } | undefined;
  app.get(
    '/health',
    {
      config: { access: 'anyone', rateLimit: 'none' },
      logLevel: 'warn',
      schema: {
        tags: ['Operations'],
        summary: 'Whether it is up and can work',
        description: 'Without workers it is `degraded`: requests are taken, but what they start has to wait.',
        response: { 200: healthSchema, 503: healthSchema },
      },
    },
    async (_request, reply) => {
      if (!answer || Date.now() - answer.at > ANSWER_LASTS_MS) answer = { at: Date.now(), health: check(app) };
      const health = await answer.health;
      return reply.status(health.status === 'down' ? 503 : 200).send(health);
    },
  );
}

async function check(app: App): Promise<Health> {
  const [postgres, server, workers] = await Promise.all([
    stateOf(app, 'PostgreSQL', postgresAnswers(app)),
    stateOf(app, 'Temporal', temporalAnswers(app)),
    stateOf(app, 'the workers', workersPoll(app)),
  ]);
  const isDown = postgres === 'down' || server === 'down';
  const status = isDown ? 'down' : workers === 'down' ? 'degraded' : 'ok';
  return { status, postgres, temporal: server, workers };
}

async function stateOf(app: App, what: string, answers: Promise<boolean>): Promise<'ok' | 'down'> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const late = new Promise<boolean>((resolve) => {
    timeout.addEventListener('abort', () => {
      resolve(false);
    });
  });
  try {
    return (await Promise.race([answers, late])) ? 'ok' : 'down';
  } catch (error) {
    app.log.warn({ err: error }, `${what} cannot be reached`);
    return 'down';
  }
}

async function postgresAnswers(app: App): Promise<boolean> {
  await sql`select 1`.execute(app.orm.em.fork().getKysely());
  return true;
}

async function temporalAnswers({ temporal: client }: App): Promise<boolean> {
  await client.withDeadline(Date.now() + TIMEOUT_MS, () => client.workflowService.getSystemInfo({}));
  return true;
}

/** Somebody has asked each queue for work lately. */
async function workersPoll({ temporal: client, settings }: App): Promise<boolean> {
  const { TASK_QUEUE_TYPE_ACTIVITY, TASK_QUEUE_TYPE_WORKFLOW } = proto.temporal.api.enums.v1.TaskQueueType;
  const wanted = [
    { name: queues.core, taskQueueType: TASK_QUEUE_TYPE_WORKFLOW },
    ...Object.values(queues).map((name) => ({ name, taskQueueType: TASK_QUEUE_TYPE_ACTIVITY })),
  ];
  const described = await client.withDeadline(Date.now() + TIMEOUT_MS, () =>
    Promise.all(
      wanted.map(({ name, taskQueueType }) =>
        client.workflowService.describeTaskQueue({
          namespace: settings.temporal.namespace,
          taskQueue: { name },
          taskQueueType,
        }),
      ),
    ),
  );
  const since = Date.now() - POLLED_LATELY_MS;
  return described.every(({ pollers }) =>
    pollers.some(({ lastAccessTime }) => Number(lastAccessTime?.seconds) * 1000 > since),
  );
}
