import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { Role, Tier } from '../../domain/roles.ts';

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
