import { randomBytes } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { applicationRefusal, type Targeting } from '../domain/campaigns.ts';
import type { ParticipationStatus } from '../domain/participations.ts';
import { Problem } from '../domain/problems.ts';

export interface Application {
  campaignId: string;
  creatorId: string;
  message: string | null;
}

interface Facts {
  now: Date | string;
  creator_status: string;
  creator_currency: string;
  country: string | null;
  followers: number;
  has_applied: boolean;
  status: string;
  starts_at: Date | string;
  ends_at: Date | string;
  currency: string;
  budget_left: string;
  slots: number;
  slots_taken: number;
  targeting: Targeting;
  auto_approve: boolean;
  allowed: boolean;
}

/**
 * Writes a creator's application to a campaign, approved at once where the campaign says so. The campaign's row is locked meanwhile,
 * so that two cannot take the last slot. Called again with the same id, it changes nothing.
 *
 * Errors: `not_found`, and why the creator may not apply (`applicationRefusal`).
 */
export async function applyToCampaign(em: EntityManager, id: string, application: Application): Promise<void> {
  if (await exists(em, id)) return;
  const facts = await lockFacts(em, id, application);
  if (!facts) throw new Problem('not_found', 'There is no such campaign.');
  const refusal = applicationRefusal({
    now: new Date(facts.now),
    creator: {
      status: facts.creator_status,
      currency: facts.creator_currency,
      country: facts.country,
      followers: facts.followers,
    },
    hasApplied: facts.has_applied,
    campaign: {
      status: facts.status,
      startsAt: new Date(facts.starts_at),
      endsAt: new Date(facts.ends_at),
      currency: facts.currency,
      left: BigInt(facts.budget_left),
      slots: facts.slots,
      slotsTaken: facts.slots_taken,
      targeting: facts.targeting,
    },
  });
  if (refusal) throw new Problem(refusal.code, refusal.detail);
  const status = facts.auto_approve || facts.allowed ? 'approved' : 'applied';
  await insert(em, id, application, status);
}

async function exists(em: EntityManager, id: string): Promise<boolean> {
  const { rows } = await sql`select from participation where id = ${id}`.execute(em.getKysely());
  return rows.length > 0;
}

async function lockFacts(
  em: EntityManager,
  id: string,
  { campaignId, creatorId }: Application,
): Promise<Facts | undefined> {
  const { rows } = await sql<Facts>`
    select now() as now, r.status as creator_status, r.currency as creator_currency, r.followers_count as followers,
           (select a.country from creator_payment_account a where a.creator_id = r.id) as country,
           exists (select from participation p where p.campaign_id = c.id and p.creator_id = r.id and p.id <> ${id}) as has_applied,
           c.status, c.starts_at, c.ends_at, c.currency, c.budget - c.spent as budget_left, c.slots, c.slots_taken, c.targeting,
           c.auto_approve, r.id = any (c.allowlist) as allowed
      from campaign c join creator r on r.id = ${creatorId}
     where c.id = ${campaignId}
       for no key update of c`.execute(em.getKysely());
  return rows[0];
}

async function insert(
  em: EntityManager,
  id: string,
  { campaignId, creatorId, message }: Application,
  status: ParticipationStatus,
): Promise<void> {
  const code = randomBytes(16).toString('base64url');
  const { rows } = await sql`
    with added as (
      insert into participation (id, campaign_id, creator_id, status, message, tracking_code)
      values (${id}, ${campaignId}, ${creatorId}, ${status}, ${message}, ${code})
      on conflict do nothing
      returning id, campaign_id, status
    ), seated as (
      update campaign c set slots_taken = c.slots_taken + 1, updated_at = now()
        from added where c.id = added.campaign_id and added.status = 'approved'
    )
    select id from added`.execute(em.getKysely());
  // somebody came between the look and the lock: this same call, made twice, or another application
  if (rows.length === 0 && !(await exists(em, id)))
    throw new Problem('conflict', 'There is an application to this campaign already.');
}
