import { isIPv6 } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { countHit } from '../../database/rate-limits.ts';
import { Problem } from '../../domain/problems.ts';
import { anonymousLimit, isStaff, staffLimit, tierLimits } from '../../domain/roles.ts';
import type { App } from '../app.ts';

const HOUR_SECONDS = 3600;

export interface Limit {
  /** Who is counted. */
  key: string;
  max: number;
  seconds: number;
}

/** Counts each caller's requests of the hour against what its tier allows, times `RATE_LIMIT_FACTOR`; 0 turns that off. */
export function rateLimits(app: App): void {
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.rateLimit === undefined) await applyHourlyLimit(request, reply, limitOf(request));
  });
}

/** As {@link applyLimit}, for limits that `RATE_LIMIT_FACTOR` multiplies. */
export async function applyHourlyLimit(
  request: FastifyRequest,
  reply: FastifyReply,
  limit: Omit<Limit, 'seconds'>,
): Promise<void> {
  const { rateLimitFactor } = request.server.settings;
  if (rateLimitFactor === 0) return;
  const max = Math.max(1, Math.floor(limit.max * rateLimitFactor));
  await applyLimit(request, reply, { key: limit.key, max, seconds: HOUR_SECONDS });
}

/** Counts the request and says in `RateLimit-*` headers how many are left. Errors: `rate_limited`, with `Retry-After`. */
export async function applyLimit(request: FastifyRequest, reply: FastifyReply, limit: Limit): Promise<void> {
  const { hits, resetsInSeconds } = await countHit(request.server.orm.em.fork(), limit.key, limit.seconds);
  void reply.headers({
    'ratelimit-limit': limit.max,
    'ratelimit-remaining': Math.max(0, limit.max - hits),
    'ratelimit-reset': resetsInSeconds,
  });
  if (hits <= limit.max) return;
  void reply.header('retry-after', resetsInSeconds);
  throw new Problem('rate_limited', `${limit.max} requests are allowed here; ask again in ${resetsInSeconds} s.`);
}

/** What counts for a caller on a route without a limit of its own. */
export function limitOf({ principal, ip }: FastifyRequest): Omit<Limit, 'seconds'> {
  if (!principal) return { key: `address:${networkOf(ip)}`, max: anonymousLimit };
  if (principal.kind === 'api_key') return { key: `api_key:${principal.keyId}`, max: staffLimit };
  return { key: `user:${principal.userId}`, max: isStaff(principal.roles) ? staffLimit : tierLimits[principal.tier] };
}

/** An address, or for IPv6 its first 64 bits: whoever has one address there has them all. */
export function networkOf(ip: string): string {
  if (!isIPv6(ip)) return ip;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail = ''] = ip.split('%')[0]!.split('::');
  const groups = (text: string) => text.split(':').filter((group) => group !== '');
  const missing = Math.max(0, 8 - groups(head).length - groups(tail).length);
  const all = [...groups(head), ...Array.from({ length: missing }, () => '0'), ...groups(tail)];
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
