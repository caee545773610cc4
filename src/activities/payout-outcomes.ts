import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { attemptKey } from '../domain/payouts.ts';
import type { PostedBy } from '../ledger/post.ts';
import { postPayouts, type PayoutMoney } from './payout-ledger.ts';
import { releaseEarnings } from './payout-reserve.ts';

/** What became of one step of one attempt. `refused`: the provider did nothing; `unknown`: nobody can say yet. */
export interface Outcome {
  payoutId: string;
  attempt: number;
  /** Which try at the transfer this is of; a later one overrules its refusal. */
  tries: number;
  step: 'transfer' | 'bank_payout';
  result: 'succeeded' | 'refused' | 'unknown';
  providerId?: string;
  code?: string;
  message?: string;
  requestId?: string | undefined;
}

/**
 * Writes outcomes, their payouts' new status and their journal entries in one transaction. Writing the same outcome again changes
 * nothing. A refused transfer gives the money back; a refused bank payout leaves it to be fetched back from the connected account. What
 * the bank has said already, stands.
 */
export async function recordOutcomes(em: EntityManager, all: Outcome[], by: PostedBy): Promise<void> {
  const outcomes = await withoutOvertaken(em, all);
  if (outcomes.length === 0) return;
  await writeAttempts(em, outcomes);
  const { rows } = await sql<PayoutMoney & { step: string; result: string }>`
    update payout p
       set transfer_id = case when o.step = 'transfer' and o.result = 'succeeded' then o.provider_id else p.transfer_id end,
           bank_payout_id = case when o.step = 'bank_payout' and o.result = 'succeeded' then o.provider_id else p.bank_payout_id end,
           status = case
             when o.result = 'unknown' then 'outcome_unknown'
             when o.step = 'transfer' and o.result = 'refused' then 'failed'
             when o.step = 'bank_payout' and o.result = 'succeeded' then 'in_transit'
             else 'processing' end,
           needs_return = o.step = 'bank_payout' and o.result = 'refused',
           failure_code = o.code, failure_reason = o.message, updated_at = now(), polled_at = now()
      from unnest(${outcomes.map((o) => o.payoutId)}::uuid[], ${outcomes.map((o) => o.attempt)}::int[],
                  ${outcomes.map((o) => o.step)}::text[], ${outcomes.map((o) => o.result)}::text[],
                  ${outcomes.map((o) => o.providerId ?? null)}::text[], ${outcomes.map((o) => o.code ?? null)}::text[],
                  ${outcomes.map((o) => o.message ?? null)}::text[])
        as o (payout_id, attempt, step, result, provider_id, code, message)
     where p.id = o.payout_id and p.attempt = o.attempt and p.status in ('processing', 'outcome_unknown')
       and not (p.needs_return and p.bank_payout_id is not null)
    returning p.id, p.creator_id, p.currency, p.method, p.attempt, p.amount, o.step, o.result`.execute(em.getKysely());

  const transfers = rows.filter((row) => row.step === 'transfer');
  const sent = transfers.filter((row) => row.result === 'succeeded');
  const refused = transfers.filter((row) => row.result === 'refused');
  await postPayouts(em, 'payout_sent', sent, by);
  if (sent.length > 0) await beginAttempts(em, 'bank_payout', sent);
  if (refused.length > 0) {
    await postPayouts(em, 'payout_released', refused, by);
    await releaseEarnings(
      em,
      refused.map(({ id }) => id),
    );
  }
}

/**
 * Without refused transfers that another process has begun to try again meanwhile, after this one was taken for dead: it may have
 * sent them. Locks the payouts first, as whoever begins a try does.
 */
async function withoutOvertaken(em: EntityManager, outcomes: Outcome[]): Promise<Outcome[]> {
  const refused = outcomes.filter(({ step, result }) => step === 'transfer' && result === 'refused');
  if (refused.length === 0) return outcomes;
  const ids = sql`${outcomes.map((o) => o.payoutId)}::uuid[]`;
  await sql`select from payout where id = any (${ids}) order by id for update`.execute(em.getKysely());
  const { rows } = await sql<{ payout_id: string; attempt: number; tries: number }>`
    select payout_id, attempt, tries from payout_attempt where payout_id = any (${ids}) and step = 'transfer'`.execute(
    em.getKysely(),
  );
  const tries = new Map(rows.map((row) => [`${row.payout_id} ${row.attempt}`, row.tries]));
  const isOvertaken = (o: Outcome) => (tries.get(`${o.payoutId} ${o.attempt}`) ?? 0) > o.tries;
  return outcomes.filter((outcome) => !refused.includes(outcome) || !isOvertaken(outcome));
}

async function writeAttempts(em: EntityManager, outcomes: Outcome[]): Promise<void> {
  await sql`
    insert into payout_attempt (payout_id, attempt, step, idempotency_key, status, provider_id, code, message, request_id, finished_at)
    select * from unnest(
      ${outcomes.map((o) => o.payoutId)}::uuid[], ${outcomes.map((o) => o.attempt)}::int[], ${outcomes.map((o) => o.step)}::text[],
      ${outcomes.map((o) => attemptKey(o.payoutId, o.step, o.attempt))}::text[], ${outcomes.map((o) => o.result)}::text[],
      ${outcomes.map((o) => o.providerId ?? null)}::text[], ${outcomes.map((o) => o.code ?? null)}::text[],
      ${outcomes.map((o) => o.message ?? null)}::text[], ${outcomes.map((o) => o.requestId ?? null)}::text[],
      ${outcomes.map(() => new Date().toISOString())}::timestamptz[])
    on conflict on constraint payout_attempt_step do update
      set status = excluded.status, provider_id = coalesce(excluded.provider_id, payout_attempt.provider_id), code = excluded.code,
          message = excluded.message, request_id = excluded.request_id, finished_at = excluded.finished_at
    where payout_attempt.status <> 'succeeded'`.execute(em.getKysely());
}

/**
 * Says, before the provider is called, that a step begins. Returns when each was begun for the first time: one from an earlier
 * process has to be looked up before it is tried again.
 */
export async function beginAttempts(
  em: EntityManager,
  step: 'transfer' | 'bank_payout',
  payouts: { id: string; attempt: number }[],
): Promise<Map<string, { tries: number; startedAt: Date }>> {
  const { rows } = await sql<{ payout_id: string; tries: number; started_at: Date }>`
    insert into payout_attempt (payout_id, attempt, step, idempotency_key, tries)
    select p.id, p.attempt, ${step}, p.key, 1
      from unnest(${payouts.map((p) => p.id)}::uuid[], ${payouts.map((p) => p.attempt)}::int[],
                  ${payouts.map((p) => attemptKey(p.id, step, p.attempt))}::text[]) as p (id, attempt, key)
    on conflict on constraint payout_attempt_step do update set tries = payout_attempt.tries + 1
    returning payout_id, tries, started_at`.execute(em.getKysely());
  return new Map(rows.map((row) => [row.payout_id, { tries: row.tries, startedAt: new Date(row.started_at) }]));
}

/** Many small writes made as few: what arrives while one batch is being written goes with the next. */
export class Batcher<T> {
  readonly #write: (items: T[]) => Promise<void>;
  #waiting: { item: T; done: () => void; failed: (error: unknown) => void }[] = [];
  #writing = false;

  constructor(write: (items: T[]) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when the item is committed. */
  add(item: T): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ item, done, failed });
      if (!this.#writing) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(batch.map(({ item }) => item));
        for (const { done } of batch) done();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    this.#writing = false;
  }
}

export function outcomeRecorder(orm: MikroORM, by: PostedBy): Batcher<Outcome> {
  return new Batcher((outcomes) => orm.em.fork().transactional((em) => recordOutcomes(em, outcomes, by)));
}
