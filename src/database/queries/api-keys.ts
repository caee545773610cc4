import { createHash, randomBytes } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { Scope } from '../../domain/roles.ts';

const MARK = 'stp_';
const SHOWN_CHARACTERS = 12;

/** A new key: 256 random bits behind a mark by which people and scanners recognise it. */
export function generateApiKey(): { key: string; prefix: string; hash: Buffer } {
  const key = MARK + randomBytes(32).toString('base64url');
  return { key, prefix: key.slice(0, SHOWN_CHARACTERS), hash: hashApiKey(key) };
}

export function isApiKey(token: string): boolean {
  return token.startsWith(MARK);
}

/** A plain hash is enough: nobody guesses 256 random bits. */
export function hashApiKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** The key that was not revoked; notes once a minute that it is in use. */
export async function findApiKey(em: EntityManager, key: string): Promise<{ id: string; scopes: Scope[] } | null> {
  const { rows } = await sql<{ id: string; scopes: Scope[] }>`/* prepared: find_api_key */
    with found as (select id, scopes, last_used_at from api_key where key_hash = ${hashApiKey(key)} and revoked_at is null),
    used as (
      update api_key k set last_used_at = now() from found
       where k.id = found.id and (found.last_used_at is null or found.last_used_at < now() - interval '1 minute'))
    select id, scopes from found`.execute(em.getKysely());
  return rows[0] ?? null;
}
