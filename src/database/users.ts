import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { startingTier, type RegistrationRole, type Role, type Tier } from '../domain/roles.ts';

export interface UserRecord {
  id: string;
  email: string;
  fullName: string;
  roles: Role[];
  tier: Tier;
  creatorId: string | null;
  createdAt: string;
}

const userColumns = sql`
  u.id, u.email, u.full_name as "fullName", u.roles, u.tier, c.id as "creatorId", u.created_at as "createdAt"`;
const userTables = sql`app_user u left join creator c on c.user_id = u.id and c.status <> 'deleted'`;

export async function findUser(em: EntityManager, id: string): Promise<UserRecord | undefined> {
  const { rows } = await sql<UserRecord>`
    select ${userColumns} from ${userTables} where u.id = ${id}`.execute(em.getKysely());
  return rows[0];
}

/** Whatever the case of the address; disabled users are not found. */
export async function findLogin(
  em: EntityManager,
  email: string,
): Promise<(UserRecord & { passwordHash: string }) | undefined> {
  const { rows } = await sql<UserRecord & { passwordHash: string }>`
    select ${userColumns}, u.password_hash as "passwordHash" from ${userTables}
     where lower(u.email) = lower(${email}) and u.status = 'active'`.execute(em.getKysely());
  return rows[0];
}

export interface UserFilter {
  q?: string | undefined;
  role?: Role | undefined;
  /** Only those after this id. */
  after?: string | undefined;
  limit: number;
}

export async function listUsers(em: EntityManager, { q, role, after, limit }: UserFilter): Promise<UserRecord[]> {
  const { rows } = await sql<UserRecord>`
    select ${userColumns} from ${userTables}
     where (${after ?? null}::uuid is null or u.id < ${after ?? null}::uuid)
       and (${role ?? null}::text is null or ${role ?? null}::text = any(u.roles))
       and (${q ?? null}::text is null or strpos(lower(u.email || ' ' || u.full_name), lower(${q ?? null}::text)) > 0)
     order by u.id desc limit ${limit}`.execute(em.getKysely());
  return rows;
}

export interface Registration {
  email: string;
  passwordHash: string;
  fullName: string;
  role: RegistrationRole;
}

/** Adds a user, and for a creator its profile; undefined where the address is taken. */
export async function insertUser(em: EntityManager, registration: Registration): Promise<UserRecord | undefined> {
  const { email, passwordHash, fullName, role } = registration;
  const { rows } = await sql<UserRecord>`
    with u as (
      insert into app_user (email, password_hash, full_name, roles, tier)
      values (${email}, ${passwordHash}, ${fullName}, ${[role]}, ${startingTier[role]})
      on conflict (lower(email)) do nothing
      returning *),
    c as (
      insert into creator (user_id, name, email) select id, full_name, email from u where 'creator' = any(roles) returning id)
    select ${userColumns} from u left join c on true`.execute(em.getKysely());
  return rows[0];
}

/** Replaces the set of roles; somebody who becomes a creator gets a profile. False where there is no such user. */
export async function replaceRoles(em: EntityManager, id: string, roles: Role[]): Promise<boolean> {
  const { rows } = await sql<{ id: string }>`
    with u as (update app_user set roles = ${roles}, updated_at = now() where id = ${id} returning *),
    c as (
      insert into creator (user_id, name, email) select id, full_name, email from u where 'creator' = any(roles)
      on conflict on constraint creator_user do nothing)
    select id from u`.execute(em.getKysely());
  return rows.length > 0;
}

/** The admins, locked until the end of the transaction, so that of two changes at once the second sees the first. */
export async function lockAdmins(em: EntityManager): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from app_user where 'admin' = any(roles) and status = 'active' order by id for update`.execute(
    em.getKysely(),
  );
  return rows.map((row) => row.id);
}
