import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';

export interface AuditEntry {
  /** `user:<id>`, `api_key:<id>` or the name of the process. */
  actor: string;
  /** What was done, such as `roles_replaced`. */
  action: string;
  subject: { type: string; id: string };
  reason?: string;
  /** What changed; no secrets. */
  details?: Record<string, unknown>;
}

/** Adds to the log that nobody, not even the application, can change. In `em`'s transaction: it is kept if and only if the deed is. */
export async function recordAudit(em: EntityManager, entry: AuditEntry): Promise<void> {
  const { actor, action, subject, reason = null, details = {} } = entry;
  await sql`
    insert into audit_log (actor, action, subject_type, subject_id, reason, details)
    values (${actor}, ${action}, ${subject.type}, ${subject.id}, ${reason}, ${JSON.stringify(details)})
  `.execute(em.getKysely());
}
