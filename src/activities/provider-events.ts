import { Context } from '@temporalio/activity';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { Provider, ProviderEvent } from '../database/provider-events.ts';
import type { StripeProvider } from '../providers/stripe/client.ts';
import { syncAccounts } from './account-sync.ts';
import { fillGaps, type FilledGaps, type GapInput } from './provider-event-gaps.ts';

/**
 * Applies payout, transfer and top-up events, any number in any order, within the transaction of `em`, and ignores types that it does
 * not know. What it returns runs once the transaction is committed, and not at all after a crash.
 */
export type PayoutEventHandler = (em: EntityManager, events: ProviderEvent[]) => Promise<() => Promise<void>>;

export interface ProviderEventDeps {
  orm: MikroORM;
  stripe: StripeProvider;
  onPayoutEvents: PayoutEventHandler;
}

export interface HandledBatch {
  taken: number;
  /** Until the next event that failed is due again; null: there is none. */
  retryInMs: number | null;
  /** Events given up after {@link ATTEMPTS} attempts: `id type: error`, 20 at most. */
  abandoned: string[];
}

const ATTEMPTS = 10;
const POSTPONED_FOR = '15 seconds';

const PAYOUT_EVENT = /^(payout|transfer|topup)\.|^balance\.available$/;
const ACCOUNT_EVENT = /^(account|capability)\./;

export type ProviderEventActivities = ReturnType<typeof createProviderEventActivities>;

export function createProviderEventActivities({ orm, stripe, onPayoutEvents }: ProviderEventDeps) {
  return {
    /**
     * Handles up to `limit` stored events, each once. One that cannot be handled does not hold up others: it is tried again, later
     * each time, and given up after some attempts; while Stripe does not answer it only waits.
     */
    async handleProviderEvents({ provider, limit }: { provider: Provider; limit: number }): Promise<HandledBatch> {
      const events = await unhandled(orm.em.fork(), provider, limit);
      const { payout = [], account = [], other = [] } = Object.groupBy(events, kindOf);
      await markHandled(orm.em.fork(), other);
      await applyPayoutEvents(payout);
      await syncAccountsOf(account);
      return { taken: events.length, ...(await outstanding(orm.em.fork(), provider)) };
    },

    /** Stores the events that Stripe lists and no webhook brought. */
    async fillProviderEventGaps(input: GapInput): Promise<FilledGaps> {
      return fillGaps({ orm, stripe }, input, Context.current());
    },
  };

  /** All in one transaction; where that fails, by halves, until those at fault are alone. */
  async function applyPayoutEvents(events: ProviderEvent[]): Promise<void> {
    if (events.length === 0) return;
    Context.current().heartbeat();
    let afterCommit: () => Promise<void>;
    try {
      afterCommit = await orm.em.fork().transactional(async (em) => {
        const claimed = await claim(em, events);
        if (claimed.length === 0) return () => Promise.resolve();
        const done = await onPayoutEvents(em, claimed);
        await markHandled(em, claimed);
        return done;
      });
    } catch (error) {
      if (events.length === 1) {
        await recordFailures(orm.em.fork(), events, () => error);
        return;
      }
      const middle = Math.ceil(events.length / 2);
      await applyPayoutEvents(events.slice(0, middle));
      await applyPayoutEvents(events.slice(middle));
      return;
    }
    await afterCommit();
  }

  async function syncAccountsOf(events: ProviderEvent[]): Promise<void> {
    if (events.length === 0) return;
    const { cancellationSignal: signal } = Context.current();
    const accounts = [...new Set(events.flatMap((event) => accountOf(event) ?? []))];
    const { failures } = await syncAccounts({ orm, stripe }, accounts, {
      signal,
      onRead: () => {
        Context.current().heartbeat();
      },
    });
    const failureOf = (event: ProviderEvent) => failures.get(accountOf(event) ?? '');
    const em = orm.em.fork();
    await markHandled(
      em,
      events.filter((event) => !failureOf(event)),
    );
    const { refused = [], waiting = [] } = Object.groupBy(events.filter(failureOf), (event) =>
      failureOf(event)?.kind === 'refused' ? 'refused' : 'waiting',
    );
    await recordFailures(em, refused, failureOf);
    await postpone(em, waiting, failureOf);
  }
}

function kindOf({ type }: ProviderEvent): 'payout' | 'account' | 'other' {
  if (PAYOUT_EVENT.test(type)) return 'payout';
  return ACCOUNT_EVENT.test(type) ? 'account' : 'other';
}

/** Connected accounts' events name the account; an `account.updated` of its own is about it. */
function accountOf({ account, type, objectId }: ProviderEvent): string | null {
  return account ?? (type === 'account.updated' ? objectId : null);
}

interface EventRow {
  id: string;
  type: string;
  account: string | null;
  object_id: string | null;
  occurred_at: Date;
  payload: Record<string, unknown>;
}

const toEvent = ({ object_id: objectId, occurred_at, ...row }: EventRow): ProviderEvent => {
  return { ...row, objectId, createdAt: new Date(occurred_at) };
};

const idsOf = (events: ProviderEvent[]) => events.map(({ id }) => id);

async function unhandled(em: EntityManager, provider: Provider, limit: number): Promise<ProviderEvent[]> {
  const { rows } = await sql<EventRow>`
    select id, type, account, object_id, occurred_at, payload from provider_event
     where provider = ${provider} and handled_at is null and next_attempt_at <= now()
     order by next_attempt_at limit ${limit}`.execute(em.getKysely());
  return rows.map(toEvent);
}

/** Those of the events that nobody has handled meanwhile or is handling now. */
async function claim(em: EntityManager, events: ProviderEvent[]): Promise<ProviderEvent[]> {
  const { rows } = await sql<{ id: string }>`
    select id from provider_event where id = any (${idsOf(events)}) and handled_at is null
     order by id for update skip locked`.execute(em.getKysely());
  const claimed = new Set(rows.map(({ id }) => id));
  return events.filter(({ id }) => claimed.has(id));
}

async function markHandled(em: EntityManager, events: ProviderEvent[]): Promise<void> {
  if (events.length === 0) return;
  await sql`
    update provider_event set handled_at = now(), error = null
     where id = any (${idsOf(events)}) and handled_at is null`.execute(em.getKysely());
}

type ErrorOf = (event: ProviderEvent) => unknown;

const failedEvents = (events: ProviderEvent[], errorOf: ErrorOf) =>
  sql`unnest(${idsOf(events)}::text[], ${events.map((event) => String(errorOf(event)).slice(0, 1000))}::text[]) as f (id, error)`;

/** Tried again after 1, 2, 4… seconds, and in the end given up. */
async function recordFailures(em: EntityManager, events: ProviderEvent[], errorOf: ErrorOf): Promise<void> {
  if (events.length === 0) return;
  await sql`
    update provider_event e
       set attempts = attempts + 1, error = f.error,
           next_attempt_at = case when attempts + 1 >= ${ATTEMPTS} then 'infinity'
                                  else now() + interval '1 second' * 2 ^ attempts end
      from ${failedEvents(events, errorOf)}
     where e.id = f.id and handled_at is null`.execute(em.getKysely());
}

async function postpone(em: EntityManager, events: ProviderEvent[], errorOf: ErrorOf): Promise<void> {
  if (events.length === 0) return;
  await sql`
    update provider_event e set error = f.error, next_attempt_at = now() + ${POSTPONED_FOR}::interval
      from ${failedEvents(events, errorOf)}
     where e.id = f.id and handled_at is null`.execute(em.getKysely());
}

async function outstanding(em: EntityManager, provider: Provider): Promise<Omit<HandledBatch, 'taken'>> {
  const { rows } = await sql<{ retry_in_ms: number | null; abandoned: string[] }>`
    select (select (extract(epoch from next_attempt_at - now()) * 1000)::int from provider_event
             where provider = ${provider} and handled_at is null and error is not null and next_attempt_at < 'infinity'
             order by next_attempt_at limit 1) as retry_in_ms,
           array(select id || ' ' || type || ': ' || error from provider_event
                  where provider = ${provider} and handled_at is null and next_attempt_at = 'infinity'
                  order by received_at desc limit 20) as abandoned`.execute(em.getKysely());
  const { retry_in_ms: retryInMs, abandoned } = rows[0]!;
  return { retryInMs: retryInMs === null ? null : Math.max(0, retryInMs), abandoned };
}
