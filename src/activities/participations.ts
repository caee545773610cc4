import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { participationSteps, type ParticipationStatus, type ParticipationStep } from '../domain/participations.ts';
import { Problem } from '../domain/problems.ts';
import type { StepRequest } from '../workflows/requests.ts';
import { applyToCampaign, type Application } from './applications.ts';

export interface ParticipationView {
  status: ParticipationStatus;
  campaignId: string;
  creatorId: string;
  currency: string;
  /** Minor units, gross. */
  accrued: string;
  /** Its counts may be worth more than that. */
  accrualDue: boolean;
}

/** What somebody decides about a participation. */
export interface ParticipationDecision extends StepRequest {
  participationId: string;
  step: ParticipationStep;
}

/** Whether anything can still come of a completed participation. */
export type Settlement = 'paid' | 'nothing earned' | 'waiting';

export type ParticipationActivities = ReturnType<typeof createParticipationActivities>;

/** The life of a participation, as its row tells it. */
export function createParticipationActivities({ orm }: { orm: MikroORM }) {
  const inTransaction = <T>(work: (em: EntityManager) => Promise<T>) => orm.em.fork().transactional(work);

  return {
    async applyToCampaign(participationId: string, application: Application): Promise<void> {
      await inTransaction((em) => applyToCampaign(em, participationId, application));
    },

    async loadParticipation(participationId: string): Promise<ParticipationView> {
      const { rows } = await sql<ParticipationView>`
        select p.status, p.campaign_id as "campaignId", p.creator_id as "creatorId", c.currency, p.accrued,
               p.accrual_due_at is not null as "accrualDue"
          from participation p join campaign c on c.id = p.campaign_id
         where p.id = ${participationId}`.execute(orm.em.fork().getKysely());
      if (!rows[0]) throw new Problem('not_found', 'There is no such participation.');
      return rows[0];
    },

    /** Errors: `not_found`, `invalid_state` where the status does not allow the step, `campaign_full`, `campaign_not_open`. */
    async decideParticipation(decision: ParticipationDecision): Promise<ParticipationStatus> {
      return inTransaction((em) => decide(em, decision));
    },

    /** A completed participation is `paid` when its last counts were accrued and all that it earned is paid. */
    async settleParticipation(participationId: string): Promise<Settlement> {
      const { rows } = await sql<{ settlement: Settlement }>`
        with closed as (
          select p.id, p.status, p.accrued,
                 p.accrual_due_at is not null and c.spent < c.budget
                 or exists (select from earning e where e.source_id = p.id and e.status in ('pending', 'locked')) as open
            from participation p join campaign c on c.id = p.campaign_id
           where p.id = ${participationId} and p.status in ('completed', 'paid')
             for no key update of p
        ), settled as (
          update participation p set status = 'paid', updated_at = now()
            from closed where p.id = closed.id and closed.status = 'completed' and closed.accrued > 0 and not closed.open
        )
        select case when open then 'waiting' when accrued = 0 then 'nothing earned' else 'paid' end as settlement
          from closed`.execute(orm.em.fork().getKysely());
      return rows[0]?.settlement ?? 'waiting';
    },
  };
}

interface DecidedRow {
  status: ParticipationStatus;
  campaign_status: string;
  slots: number;
  slots_taken: number;
  last_request: string | null;
}

async function decide(em: EntityManager, decision: ParticipationDecision): Promise<ParticipationStatus> {
  const { participationId, step, requestId } = decision;
  const row = await lock(em, participationId);
  if (!row) throw new Problem('not_found', 'There is no such participation.');
  if (row.last_request === requestId) return row.status;
  const { from, to } = participationSteps[step];
  if (!(from as readonly string[]).includes(row.status)) {
    throw new Problem('invalid_state', `A participation that is ${row.status} cannot be ${to}.`);
  }
  if (step === 'approve') {
    if (row.campaign_status !== 'published') throw new Problem('campaign_not_open', 'The campaign is not running.');
    if (row.slots_taken >= row.slots) throw new Problem('campaign_full', 'The campaign has no free slot.');
  }
  await carryOut(em, decision, to);
  return to;
}

/** The campaign first, then the participation: everybody locks them in this order. */
async function lock(em: EntityManager, participationId: string): Promise<DecidedRow | undefined> {
  await sql`
    select from campaign c where c.id = (select campaign_id from participation where id = ${participationId})
       for no key update`.execute(em.getKysely());
  const { rows } = await sql<DecidedRow>`
    select p.status, p.last_request, c.status as campaign_status, c.slots, c.slots_taken
      from participation p join campaign c on c.id = p.campaign_id
     where p.id = ${participationId} for no key update of p`.execute(em.getKysely());
  return rows[0];
}

async function carryOut(
  em: EntityManager,
  { participationId, step, actor, reason, requestId }: ParticipationDecision,
  to: ParticipationStatus,
): Promise<void> {
  await sql`
    with moved as (
      update participation
         set status = ${to}, status_reason = ${reason}, last_request = ${requestId}, updated_at = now(),
             accrual_due_at = case when ${step} = 'complete' then coalesce(accrual_due_at, now()) else accrual_due_at end
       where id = ${participationId}
      returning campaign_id
    ), seated as (
      update campaign c set slots_taken = c.slots_taken + 1, updated_at = now()
        from moved where c.id = moved.campaign_id and ${step} = 'approve'
    )
    insert into audit_log (actor, action, subject_type, subject_id, reason)
    values (${actor}, ${`participation.${step}`}, 'participation', ${participationId}, ${reason})`.execute(
    em.getKysely(),
  );
}
