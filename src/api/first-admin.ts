import type { MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { SettingsError, type Settings } from '../config.ts';
import { recordAudit } from '../database/audit.ts';
import { hashPassword } from './passwords.ts';

/**
 * While there is no admin, makes the one of `ADMIN_EMAIL` and `ADMIN_PASSWORD`. If somebody registered with that address before,
 * they lose their password and sessions: the address alone proves nothing.
 */
export async function ensureFirstAdmin(orm: MikroORM, { admin }: Pick<Settings, 'admin'>): Promise<void> {
  const { email, password } = admin;
  if (email === undefined || password === undefined) return;
  if (password.length < 10) throw new SettingsError('ADMIN_PASSWORD must have 10 characters or more');
  await orm.em.fork().transactional(async (em) => {
    // of several processes that start at once one looks, the others then find what it made
    await sql`select pg_advisory_xact_lock(hashtext('stipend/first-admin'))`.execute(em.getKysely());
    const admins = await sql`select 1 from app_user where 'admin' = any(roles) limit 1`.execute(em.getKysely());
    if (admins.rows.length > 0) return;
    const { rows } = await sql<{ id: string }>`
      insert into app_user as u (email, password_hash, full_name, roles, tier)
      values (${email}, ${await hashPassword(password)}, 'Administrator', '{admin}', 'business')
      on conflict (lower(email)) do update set
        password_hash = excluded.password_hash, roles = u.roles || '{admin}', status = 'active', updated_at = now()
      returning id`.execute(em.getKysely());
    const { id } = rows[0]!;
    await sql`
      update user_session set revoked_at = now(), revoked_for = 'password' where user_id = ${id} and revoked_at is null
    `.execute(em.getKysely());
    await recordAudit(em, { actor: 'start', action: 'first_admin_made', subject: { type: 'user', id } });
  });
}
