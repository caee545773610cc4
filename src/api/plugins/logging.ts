import type { FastifyRequest, FastifyServerOptions } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { pino, type Logger } from 'pino';
import type { App } from '../app.ts';
import { actorOf } from '../principal.ts';

/** One JSON line an event. Nothing that names a person or opens a door: no addresses, queries, bodies, tokens. */
export function createLogger(level: string): Logger {
  return pino({
    level,
    redact: ['*.password', '*.authorization', '*.refresh_token', '*.access_token', '*.bank_account'],
    serializers: {
      req: (request: FastifyRequest) => ({ method: request.method, route: request.routeOptions.url }),
      err: describeError,
    },
  });
}

interface Described {
  name: string;
  message: string;
  code: unknown;
  constraint: unknown;
  stack: string[];
  cause: Described | undefined;
}

/** What happened and where, without the values: PostgreSQL's details quote the row that it refused. */
function describeError(error: unknown): Described | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { name, message, code, constraint, stack, cause } = error as Record<string, unknown>;
  const [summary = ''] = String(message).split('\n - detail: ');
  const frames = String(stack)
    .split('\n')
    .filter((line) => line.startsWith('    at '));
  return { name: String(name), message: summary, code, constraint, stack: frames, cause: describeError(cause) };
}

/** The caller's `X-Request-Id` where it is usable, else a new one; it is in each log line and in the answer. */
export const genReqId: NonNullable<FastifyServerOptions['genReqId']> = (request) => {
  const sent = request.headers['x-request-id'];
  return typeof sent === 'string' && /^[\w.:-]{1,64}$/.test(sent) ? sent : uuidv7();
};

/** One line for each request, when it is answered. */
export function requestLog(app: App): void {
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const by = request.principal ? actorOf(request) : undefined;
    request.log.info({ req: request, status: reply.statusCode, ms: Math.round(reply.elapsedTime), by }, 'answered');
    done();
  });
}
