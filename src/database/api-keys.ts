import { createHash, randomBytes } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { Scope } from '../domain/roles.ts';

const MARK = 'stp_';
const SHOWN_CHARACTERS = 12;

export interface ApiKeyRecord {
  id: string;
  name: string;
  prefix: string;
  scopes: Scope[];
  createdAt: string;
  lastUsedAt: string | null;
  revokedAt: string | null;
}

const columns = sql`
  id, name, prefix, scopes, created_at as "createdAt", last_used_at as "lastUsedAt", revoked_at as "revokedAt"`;

export function isApiKey(token: string): boolean {
  return token.startsWith(MARK);
}

/** A plain hash is enough: nobody guesses 256 random bits. */
function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** The key that was not revoked; notes once a minute that it is in use. */
export async function findApiKey(em: EntityManager, key: string): Promise<{ id: string; scopes: Scope[] } | null> {
  const { rows } = await sql<{ id: string; scopes: Scope[] }>`/* prepared: find_api_key */
    with found as (select id, scopes, last_used_at from api_key where key_hash = ${hashOf(key)} and revoked_at is null),
    used as (
      update api_key k set last_used_at = now() from found
       where k.id = found.id and (found.last_used_at is null or found.last_used_at < now() - interval '1 minute'))
    select id, scopes from found`.execute(em.getKysely());
  return rows[0] ?? null;
}

export interface NewApiKey {
  name: string;
  scopes: Scope[];
  createdBy: string;
}

/** A new key: 256 random bits behind a mark by which people and scanners recognise it. */
export async function insertApiKey(
  em: EntityManager,
  { name, scopes, createdBy }: NewApiKey,
): Promise<{ record: ApiKeyRecord; key: string }> {
  const key = MARK + randomBytes(32).toString('base64url');
  const { rows } = await sql<ApiKeyRecord>`
    insert into api_key (name, prefix, key_hash, scopes, created_by)
    values (${name}, ${key.slice(0, SHOWN_CHARACTERS)}, ${hashOf(key)}, ${scopes}, ${createdBy})
    returning ${columns}`.execute(em.getKysely());
  return { record: rows[0]!, key };
}

/** Newest first, those after the id. */
export async function listApiKeys(
  em: EntityManager,
  after: string | undefined,
  limit: number,
): Promise<ApiKeyRecord[]> {
  const { rows } = await sql<ApiKeyRecord>`
    select ${columns} from api_key where ${after ?? null}::uuid is null or id < ${after ?? null}::uuid
     order by id desc limit ${limit}`.execute(em.getKysely());
  return rows;
}

/** False where there is no such key that is still good. */
export async function revokeApiKey(em: EntityManager, id: string): Promise<boolean> {
  const { rows } = await sql`
    update api_key set revoked_at = now() where id = ${id} and revoked_at is null returning id`.execute(em.getKysely());
  return rows.length > 0;
}
