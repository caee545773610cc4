import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';

export type Provider = 'stripe';

/** Something that a provider told us happened, in its own words. */
export interface ProviderEvent {
  /** The provider's own, unique among all of its events. */
  id: string;
  type: string;
  /** The connected account it happened on; null: the platform. */
  account: string | null;
  objectId: string | null;
  createdAt: Date;
  payload: Record<string, unknown>;
}

/** Stores each event once, in one statement. Returns how many were new. */
export async function storeProviderEvents(
  em: EntityManager,
  provider: Provider,
  events: ProviderEvent[],
): Promise<number> {
  if (events.length === 0) return 0;
  const { numAffectedRows } = await sql`
    insert into provider_event (id, provider, type, account, object_id, occurred_at, payload)
    select id, ${provider}, type, account, object_id, occurred_at, payload::jsonb
      from unnest(${events.map((event) => event.id)}::text[], ${events.map((event) => event.type)}::text[],
                  ${events.map((event) => event.account)}::text[], ${events.map((event) => event.objectId)}::text[],
                  ${events.map((event) => event.createdAt)}::timestamptz[],
                  ${events.map((event) => JSON.stringify(event.payload))}::text[])
        as event (id, type, account, object_id, occurred_at, payload)
    on conflict (id) do nothing`.execute(em.getKysely());
  return Number(numAffectedRows ?? 0n);
}
