import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import pLimit from 'p-limit';
import { recordAudit } from '../database/audit.ts';
import type { PayoutStatus } from '../domain/payouts.ts';
import { Problem } from '../domain/problems.ts';
import type { StripeProvider } from '../providers/stripe/client.ts';
import type { OperatorRequest } from '../workflows/contracts.ts';
import { postedByWorkflow } from './context.ts';
import { applyBankPayoutWords, markEarningsPaid } from './payout-events.ts';
import { postPayouts, type PayoutMoney } from './payout-ledger.ts';
import { startOwnRuns, tellWorkflows } from './payout-own-runs.ts';
import { payThroughStripe } from './payout-pay.ts';
import { createPayout, type PayoutRequest } from './payout-create.ts';
import { reservePayouts } from './payout-reserve.ts';
import { returnMoney } from './payout-return.ts';

export type { PayoutRequest } from './payout-create.ts';

export interface PayoutDeps {
  orm: MikroORM;
  stripe: StripeProvider;
  client: Client;
  /** How long after completion a bank may still return the money. */
  finalityWindowMs: number;
}

export interface PayoutView {
  status: PayoutStatus;
  needsReturn: boolean;
  creatorId: string;
  runId: string | null;
  /** Minor units. */
  amount: string;
  currency: string;
  attempt: number;
  failureCode: string | null;
  failureReason: string | null;
  /** Of a completed payout: until it is final; of any other 0. */
  finalInMs: number;
}

const CARE_AT_ONCE = 200;
const POLLS_AT_ONCE = 10;

interface PayoutRow {
  status: PayoutStatus;
  needs_return: boolean;
  creator_id: string;
  run_id: string | null;
  amount: string;
  currency: string;
  attempt: number;
  failure_code: string | null;
  failure_reason: string | null;
  completed_at: Date | null;
}

export type PayoutActivities = ReturnType<typeof createPayoutActivities>;

/** One payout or a batch of them: the same functions. Each may run twice, and after a crash at any line. */
export function createPayoutActivities({ orm, stripe, client, finalityWindowMs }: PayoutDeps) {
  const inTransaction = <T>(work: (em: EntityManager) => Promise<T>) => orm.em.fork().transactional(work);

  return {
    /** How the payout stands. From the first look on it has a run of its own, which is told when something happens to it. */
    async loadPayout(payoutId: string): Promise<PayoutView> {
      const { rows } = await sql<PayoutRow>`
        update payout set own_run = true where id = ${payoutId}
        returning status, needs_return, creator_id, run_id, amount, currency, attempt, failure_code, failure_reason, completed_at`.execute(
        orm.em.fork().getKysely(),
      );
      const row = rows[0];
      if (!row) throw new Problem('not_found', `There is no payout ${payoutId}`);
      const completedAt = row.completed_at ? new Date(row.completed_at).getTime() : undefined;
      return {
        status: row.status,
        needsReturn: row.needs_return,
        creatorId: row.creator_id,
        runId: row.run_id,
        amount: row.amount,
        currency: row.currency,
        attempt: row.attempt,
        failureCode: row.failure_code,
        failureReason: row.failure_reason,
        finalInMs: completedAt === undefined ? 0 : Math.max(0, completedAt + finalityWindowMs - Date.now()),
      };
    },

    /** Makes the payout and sets its money aside, or refuses and changes nothing. Made once per id. */
    async createPayout(request: PayoutRequest & { payoutId: string }): Promise<void> {
      await inTransaction((em) => createPayout(em, request, postedByWorkflow(request.actor)));
    },

    async reservePayouts(ids: string[]): Promise<void> {
      await inTransaction((em) => reservePayouts(em, ids, postedByWorkflow()));
    },

    /** Pays what is reserved, by each payout's method. Outcomes are in the rows. */
    async payPayouts(ids: string[]): Promise<void> {
      const by = postedByWorkflow();
      const participations = await inTransaction((em) => completeByHand(em, ids));
      await tellWorkflows(orm, client, { settled: [], failed: [], participations });
      const { cancellationSignal: signal } = Context.current();
      await payThroughStripe(ids, {
        orm,
        stripe,
        by,
        signal,
        heartbeat: () => {
          Context.current().heartbeat();
        },
      });
    },

    pollPayout,

    /**
     * For payouts that nobody looks after: those in trouble get a run of their own, and the provider is asked about those whose word is
     * overdue. What a crash, or a run that somebody terminated, left behind between two steps is found here.
     */
    async careForPayouts({ runId = null }: { runId?: string | null } = {}): Promise<void> {
      const { rows } = await sql<{ id: string; in_trouble: boolean }>`
        select id, needs_return or status = 'outcome_unknown' or status in ('failed', 'held') as in_trouble from payout
         where (${runId}::uuid is null or run_id = ${runId}::uuid) and (
           own_run and polled_at < now() - interval '15 minutes'
             and (needs_return or status in ('approved', 'processing', 'outcome_unknown'))
           or not own_run and (needs_return or status in ('outcome_unknown', 'failed', 'held')
                or (status = 'in_transit' and polled_at < now() - greatest(interval '30 seconds', least(interval '1 hour', (now() - created_at) / 4)))
                or (status = 'processing' and run_id is null and updated_at < now() - interval '5 minutes')))
         order by polled_at limit ${CARE_AT_ONCE}`.execute(orm.em.fork().getKysely());
      await startOwnRuns(
        orm,
        client,
        rows.map(({ id }) => id),
      );
      const limit = pLimit(POLLS_AT_ONCE);
      await Promise.all(rows.filter((row) => !row.in_trouble).map(({ id }) => limit(() => pollPayout(id))));
    },

    async returnMoney(payoutId: string): Promise<{ returned: boolean; reason?: string }> {
      const { cancellationSignal: signal } = Context.current();
      return returnMoney(payoutId, { orm, stripe, by: postedByWorkflow(), signal });
    },

    /** What a person decides about a payout: written with who and why; a step that the payout's status does not allow is refused. */
    async decidePayout({ payoutId, decision, actor, reason }: PayoutDecision): Promise<PayoutStatus> {
      return inTransaction(async (em) => {
        const { rows } = await sql<{ status: PayoutStatus; creator_id: string; currency: string; amount: string }>`
          select status, creator_id, currency, amount from payout where id = ${payoutId} for update`.execute(
          em.getKysely(),
        );
        const payout = rows[0];
        if (!payout) throw new Problem('not_found', `There is no payout ${payoutId}`);
        const { from, to }: Decision = decisions[decision];
        if (payout.status === to) return to;
        if (!from.includes(payout.status)) {
          throw new Problem('invalid_state', `A payout that is ${payout.status} cannot be taken to ${to}`);
        }
        if (decision === 'retry') await requireBalance(em, payout);
        await sql`
          update payout set status = ${to}, updated_at = now(),
                 failure_code = case when ${decision} = 'retry' then null else failure_code end,
                 failure_reason = case when ${decision} = 'retry' then null else failure_reason end
           where id = ${payoutId}`.execute(em.getKysely());
        const subject = { type: 'payout', id: payoutId };
        await recordAudit(em, { actor, action: `payout_${decision}`, subject, reason });
        return to;
      });
    },
  };

  /** Asks the provider how a bank payout stands, in case its word got lost. */
  async function pollPayout(payoutId: string): Promise<void> {
    const { rows } = await sql<{ bank_payout_id: string; destination: string }>`
      update payout set polled_at = now() where id = ${payoutId} and status in ('in_transit', 'completed')
      returning bank_payout_id, destination`.execute(orm.em.fork().getKysely());
    const row = rows[0];
    if (!row) return;
    const found = await stripe.retrieveBankPayout({ account: row.destination, id: row.bank_payout_id });
    if (found.status === 'pending' || found.status === 'in_transit') return;
    const word = {
      bankPayoutId: found.id,
      payoutId,
      attempt: null,
      verdict: found.status === 'paid' ? ('paid' as const) : ('failed' as const),
      code: found.failureCode ?? found.status,
      message: found.failureMessage,
    };
    const applied = await inTransaction((em) => applyBankPayoutWords(em, [word], postedByWorkflow()));
    await tellWorkflows(orm, client, applied);
  }

  async function completeByHand(em: EntityManager, ids: string[]): Promise<string[]> {
    const { rows } = await sql<PayoutMoney>`
      update payout p set status = 'completed', completed_at = now(), updated_at = now()
       where id = any (${ids}::uuid[]) and method = 'manual' and status = 'processing'
      returning id, creator_id, currency, method, attempt, amount`.execute(em.getKysely());
    if (rows.length === 0) return [];
    const by = postedByWorkflow();
    await postPayouts(em, 'payout_sent', rows, by);
    await postPayouts(em, 'payout_settled', rows, by);
    return markEarningsPaid(
      em,
      rows.map(({ id }) => id),
    );
  }
}

export interface PayoutDecision extends OperatorRequest {
  payoutId: string;
  decision: keyof typeof decisions;
}

interface Decision {
  from: PayoutStatus[];
  to: PayoutStatus;
}

const decisions = {
  approve: { from: ['pending'], to: 'approved' },
  reject: { from: ['pending'], to: 'rejected' },
  retry: { from: ['failed', 'held'], to: 'approved' },
  cancel: { from: ['pending', 'approved', 'failed', 'held'], to: 'canceled' },
} satisfies Record<string, Decision>;

async function requireBalance(
  em: EntityManager,
  payout: { creator_id: string; currency: string; amount: string },
): Promise<void> {
  const { rows } = await sql<{ balance: string }>`
    select balance from ledger_account where owner_type = 'creator' and owner_id = ${payout.creator_id}
      and kind = 'available' and currency = ${payout.currency} and book = 'main'`.execute(em.getKysely());
  const balance = BigInt(rows[0]?.balance ?? 0);
  if (balance < BigInt(payout.amount)) {
    throw new Problem(
      'insufficient_balance',
      `The balance is ${balance}, the payout needs ${payout.amount} ${payout.currency}`,
    );
  }
}
