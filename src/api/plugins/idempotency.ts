import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { claim, release, settle, type IdempotentRequest } from '../../database/idempotency.ts';
import { Problem } from '../../domain/problems.ts';
import type { App } from '../app.ts';
import { actorOf } from '../principal.ts';

/**
 * `Idempotency-Key` on the routes that declare `idempotent`: the first answer is kept and given again to whoever repeats the request.
 * Answers of 5xx are not kept; then, and after a crash, a repetition is carried out again under the same `commandId`.
 */
export function idempotency(app: App): void {
  const claimed = new WeakMap<FastifyRequest, IdempotentRequest>();
  app.decorateRequest('idempotencyKey', undefined);
  app.decorateRequest('commandId', '');
  app.addHook('onRoute', (route) => {
    if (route.config?.idempotent && route.config.access === 'anyone') {
      throw new Error(`${route.url} cannot be idempotent: its keys would be shared by everybody`);
    }
  });
  app.addHook('preHandler', async (request, reply) => {
    request.commandId = uuidv7();
    const key = keyOf(request);
    if (key === undefined) return;
    request.idempotencyKey = key;
    const asked = describe(request, key);
    const result = await claim(app.orm.em.fork(), asked);
    if (result.outcome === 'reused') throw reused();
    if (result.outcome === 'running') {
      void reply.header('retry-after', '1');
      throw new Problem('conflict', 'The first request with this idempotency key is still being carried out.');
    }
    if (result.outcome === 'proceed') {
      request.commandId = result.id;
      claimed.set(request, asked);
      return;
    }
    const { status, type, body } = result.response;
    void reply.header('idempotent-replayed', 'true').serializer(String).status(status);
    if (type !== null) void reply.type(type);
    return reply.send(body ?? undefined);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const asked = claimed.get(request);
    if (!asked) return payload;
    claimed.delete(request);
    const em = app.orm.em.fork();
    if (reply.statusCode >= 500) await release(em, asked);
    else await settle(em, asked, stored(reply, payload));
    return payload;
  });
}

function keyOf({ headers, routeOptions }: FastifyRequest): string | undefined {
  const { idempotent } = routeOptions.config;
  if (!idempotent) return undefined;
  const sent = headers['idempotency-key'] ?? headers['x-idempotency-key'];
  if (sent === undefined) {
    if (idempotent === 'required') throw badKey('is required');
    return undefined;
  }
  const key = String(sent);
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) throw badKey('must be 1 to 255 printable ASCII characters without spaces');
  return key;
}

function badKey(message: string): Problem {
  const path = 'Idempotency-Key';
  return new Problem('validation_failed', `The ${path} header ${message}.`, [{ path, message }]);
}

function reused(): Problem {
  return new Problem(
    'idempotency_key_reused',
    'This idempotency key was used for a request with another path or body.',
  );
}

function describe(request: FastifyRequest, key: string): IdempotentRequest {
  const bodyHash = createHash('sha256')
    .update(JSON.stringify(request.body ?? null))
    .digest();
  return { principal: actorOf(request), key, method: request.method, path: request.url, bodyHash };
}

function stored(reply: FastifyReply, payload: unknown) {
  const type = reply.getHeader('content-type');
  return {
    status: reply.statusCode,
    type: typeof type === 'string' ? type : null,
    body: typeof payload === 'string' ? payload : null,
  };
}
