import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { Type } from 'typebox';
import { Problem } from '../../domain/problems.ts';
import type { App } from '../app.ts';

/** How long requests take, by route, and how the process is doing, for Prometheus at `GET /metrics`. */
export function metrics(app: App): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    durations.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
    done();
  });
  app.get(
    '/metrics',
    {
      config: { access: 'anyone', rateLimit: 'none' },
      schema: {
        tags: ['Operations'],
        summary: 'Prometheus metrics',
        description: 'With METRICS_TOKEN set, it has to be sent as the Bearer token.',
        produces: ['text/plain'],
        response: { 200: Type.String() },
      },
    },
    async (request, reply) => {
      requireToken(request, app.settings.metricsToken);
      return reply
        .type(registry.contentType)
        .serializer(String)
        .send(await registry.metrics());
    },
  );
}

function requireToken({ headers }: FastifyRequest, token: string | undefined): void {
  if (token === undefined) return;
  const expected = Buffer.from(`Bearer ${token}`);
  const sent = Buffer.from(headers.authorization ?? '');
  if (sent.length !== expected.length || !timingSafeEqual(sent, expected)) {
    throw new Problem('unauthenticated', 'Send the metrics token.');
  }
}
