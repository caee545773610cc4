import { createHash, randomBytes } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { Role, Tier } from '../domain/roles.ts';

export interface SessionUser {
  userId: string;
  sessionId: string;
  roles: Role[];
  tier: Tier;
  creatorId: string | null;
}

/** Who is behind a session, with the roles of this moment; null once it is revoked or the user is disabled. */
export async function findSession(em: EntityManager, sessionId: string): Promise<SessionUser | null> {
  const { rows } = await sql<SessionUser>`/* prepared: find_session */
    select s.id as "sessionId", u.id as "userId", u.roles, u.tier, c.id as "creatorId"
      from user_session s join app_user u on u.id = s.user_id left join creator c on c.user_id = u.id and c.status <> 'deleted'
     where s.id = ${sessionId} and s.revoked_at is null and u.status = 'active'`.execute(em.getKysely());
  return rows[0] ?? null;
}

export interface RefreshedSession {
  sessionId: string;
  userId: string;
  /** `<session>.<secret>`; only its hash is stored. */
  refreshToken: string;
}

const REFRESH_LIFETIME = '7 days';

/** Begins a family of refresh tokens. */
export async function startSession(em: EntityManager, userId: string): Promise<RefreshedSession> {
  const { secret, hash } = newSecret();
  const { rows } = await sql<{ id: string }>`
    insert into user_session (user_id, token_hash, expires_at) values (${userId}, ${hash}, now() + ${REFRESH_LIFETIME}::interval)
    returning id`.execute(em.getKysely());
  const { id } = rows[0]!;
  return { sessionId: id, userId, refreshToken: `${id}.${secret}` };
}

/**
 * Exchanges the newest token of a session for the next one. Any other token of the session was used before, by the user or by a thief:
 * nobody can tell, so it ends the session for both. Of two exchanges at once the row's lock lets one succeed; the other is such a use.
 */
export async function rotateSession(
  em: EntityManager,
  refreshToken: string,
): Promise<RefreshedSession | 'reused' | null> {
  const { sessionId, secret } = parse(refreshToken);
  if (sessionId === undefined) return null;
  const next = newSecret();
  const rotated = await sql<{ userId: string }>`
    update user_session s set token_hash = ${next.hash}, rotated_at = now(), expires_at = now() + ${REFRESH_LIFETIME}::interval
      from app_user u
     where s.id = ${sessionId} and s.token_hash = ${hashOf(secret)} and s.revoked_at is null and s.expires_at > now()
       and u.id = s.user_id and u.status = 'active'
    returning s.user_id as "userId"`.execute(em.getKysely());
  const [session] = rotated.rows;
  if (session) return { sessionId, userId: session.userId, refreshToken: `${sessionId}.${next.secret}` };
  const revoked = await sql`
    update user_session set revoked_at = now(), revoked_for = 'reuse'
     where id = ${sessionId} and revoked_at is null and expires_at > now()`.execute(em.getKysely());
  return revoked.numAffectedRows === 1n ? 'reused' : null;
}

/** Ends the session: neither its refresh token nor its access tokens are good any more. */
export async function endSession(em: EntityManager, sessionId: string): Promise<void> {
  await sql`
    update user_session set revoked_at = now(), revoked_for = 'logout' where id = ${sessionId} and revoked_at is null
  `.execute(em.getKysely());
}

function newSecret(): { secret: string; hash: Buffer } {
  const secret = randomBytes(32).toString('base64url');
  return { secret, hash: hashOf(secret) };
}

/** A plain hash is enough: nobody guesses 256 random bits. */
function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function parse(refreshToken: string): { sessionId: string | undefined; secret: string } {
  const [, sessionId, secret = ''] = /^([0-9a-f-]{36})\.([\w-]{43})$/.exec(refreshToken) ?? [];
  return { sessionId, secret };
}
