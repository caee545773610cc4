import type { FastifyRequest } from 'fastify';
import { Problem } from '../domain/problems.ts';
import { isStaff, type Role, type Scope, type Tier } from '../domain/roles.ts';

export interface UserPrincipal {
  kind: 'user';
  userId: string;
  sessionId: string;
  roles: Role[];
  tier: Tier;
  /** The creator profile that the user owns. */
  creatorId: string | null;
}

export interface ApiKeyPrincipal {
  kind: 'api_key';
  keyId: string;
  scopes: Scope[];
}

/** Who sent the request. */
export type Principal = UserPrincipal | ApiKeyPrincipal;

/** Errors: `unauthenticated` without a principal, `forbidden` for a service. */
export function requireUser(request: FastifyRequest): UserPrincipal {
  const { principal } = request;
  if (!principal) throw new Problem('unauthenticated', 'Sign in first.');
  if (principal.kind !== 'user') throw new Problem('forbidden', 'An API key cannot do this.');
  return principal;
}

/** The id of the creator profile that the caller owns. Errors: as {@link requireUser}, and `forbidden` for a user without one. */
export function requireCreator(request: FastifyRequest): string {
  const { creatorId } = requireUser(request);
  if (!creatorId) throw new Problem('forbidden', 'Only a creator can do this.');
  return creatorId;
}

/** Who did it, as the ledger and the audit log keep it: `user:<id>` or `api_key:<id>`. */
export function actorOf(request: FastifyRequest): string {
  const { principal } = request;
  if (!principal) throw new Problem('unauthenticated', 'Sign in first.');
  return principal.kind === 'user' ? `user:${principal.userId}` : `api_key:${principal.keyId}`;
}

export function hasRole(request: FastifyRequest, ...wanted: Role[]): boolean {
  const { principal } = request;
  return principal?.kind === 'user' && principal.roles.some((role) => wanted.includes(role));
}

export function isStaffRequest(request: FastifyRequest): boolean {
  return request.principal?.kind === 'user' && isStaff(request.principal.roles);
}

/** Errors: `not_found` for somebody who is neither the creator nor holds one of `otherwise`, as if the record were not there. */
export function requireOwner(request: FastifyRequest, creatorId: string, ...otherwise: Role[]): void {
  const { principal } = request;
  if (principal?.kind === 'user' && principal.creatorId === creatorId) return;
  if (!hasRole(request, ...otherwise)) throw new Problem('not_found', 'There is no such record.');
}
