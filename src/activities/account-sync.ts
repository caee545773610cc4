import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import pLimit from 'p-limit';
import { ACCESS_LOST, accountStatus, requirementsOf, type PaymentAccountStatus } from '../domain/payment-accounts.ts';
import type { StripeProvider } from '../providers/stripe/client.ts';
import { StripeFailure } from '../providers/stripe/errors.ts';
import type { StripeAccount } from '../providers/stripe/types.ts';

export interface AccountDeps {
  orm: MikroORM;
  stripe: StripeProvider;
}

interface SyncOptions {
  signal?: AbortSignal;
  /** Called after each account that was read. */
  onRead?: () => void;
}

export interface AccountSync {
  /** The status of each account that was read, by its id at the provider. */
  statuses: Map<string, PaymentAccountStatus>;
  /** Why the others could not be read now. */
  failures: Map<string, StripeFailure>;
}

const CONCURRENCY = 8;

/**
 * Reads those accounts that are ours from Stripe and stores them in one statement. What events say about them does not matter, so their order does not
 * either: each change is followed by a read that began after it, and of two reads the one that began later is kept. The first
 * sign that Stripe cannot be reached ends the reading; those not read are among the failures.
 */
export async function syncAccounts(
  { orm, stripe }: AccountDeps,
  ids: string[],
  options: SyncOptions = {},
): Promise<AccountSync> {
  const em = orm.em.fork();
  const { ours, readAt } = await begin(em, ids);
  const giveUp = new AbortController();
  const signal = AbortSignal.any([giveUp.signal, ...(options.signal ? [options.signal] : [])]);
  const limit = pLimit(CONCURRENCY);
  const failures = new Map<string, StripeFailure>();
  const reads = await limit.map(ours, async (id) => {
    try {
      return await readAccount(stripe, id, signal);
    } catch (error) {
      if (!(error instanceof StripeFailure)) throw error;
      failures.set(id, error);
      if (error.kind !== 'refused') giveUp.abort(error);
      return undefined;
    } finally {
      options.onRead?.();
    }
  });
  const statuses = await storeAccounts(
    em,
    reads.filter((read) => read !== undefined),
    readAt,
  );
  return { statuses, failures };
}

/** Which of the accounts are ours, and the time: the database's clock orders reads whichever worker makes them. */
async function begin(em: EntityManager, ids: string[]): Promise<{ ours: string[]; readAt: string }> {
  const { rows } = await sql<{ ours: string[]; read_at: string }>`
    select array(select provider_account_id from creator_payment_account
                  where provider = 'stripe' and provider_account_id = any (${ids})) as ours,
           clock_timestamp()::text as read_at`.execute(em.getKysely());
  const { ours, read_at: readAt } = rows[0]!;
  return { ours, readAt };
}

type AccountRead = Omit<StripeAccount, 'creatorId' | 'country' | 'email' | 'defaultCurrency' | 'pendingVerification'>;

async function readAccount(stripe: StripeProvider, id: string, signal: AbortSignal): Promise<AccountRead> {
  try {
    return await stripe.retrieveAccount(id, signal);
  } catch (error) {
    const isGone = error instanceof StripeFailure && error.kind === 'refused' && GONE.includes(error.code);
    if (!isGone) throw error;
    return { ...LOST_ACCOUNT, id };
  }
}

const GONE = ['account_invalid', 'resource_missing'];

const LOST_ACCOUNT = {
  detailsSubmitted: true,
  chargesEnabled: false,
  payoutsEnabled: false,
  transfersEnabled: false,
  currentlyDue: [],
  pastDue: [],
  disabledReason: ACCESS_LOST,
  destination: null,
};

/** `readAt`: the database's time before they were read. Returns each account's status after that. */
export async function storeAccounts(
  em: EntityManager,
  reads: AccountRead[],
  readAt: string,
): Promise<AccountSync['statuses']> {
  if (reads.length === 0) return new Map();
  const { rows } = await sql<{ id: string; status: PaymentAccountStatus }>`
    with read as (
      select * from jsonb_to_recordset(${JSON.stringify(reads.map(toRow))}::jsonb) as r (
        id text, status text, payouts boolean, charges boolean, transfers boolean, requirements jsonb, disabled_reason text,
        last4 text, bank text, currency text, fingerprint text)
    ), held as (
      select creator_id, provider_account_id, status, synced_at from creator_payment_account
       where provider = 'stripe' and provider_account_id in (select id from read)
       order by creator_id for update
    ), stored as (
      update creator_payment_account a
         set status = r.status, payouts_enabled = r.payouts, charges_enabled = r.charges, transfers_enabled = r.transfers,
             requirements = r.requirements, disabled_reason = r.disabled_reason,
             destination_last4 = r.last4, destination_bank = r.bank, destination_currency = r.currency,
             destination_fingerprint = coalesce(r.fingerprint, a.destination_fingerprint),
             destination_changed_at = case when r.fingerprint <> a.destination_fingerprint then now() else a.destination_changed_at end,
             synced_at = ${readAt}::timestamptz, version = a.version + 1
        from held h join read r on r.id = h.provider_account_id
       where a.creator_id = h.creator_id and (h.synced_at is null or h.synced_at <= ${readAt}::timestamptz)
      returning a.provider_account_id as id, a.status
    )
    select id, status from stored
    union all
    select provider_account_id, status from held where provider_account_id not in (select id from stored)`.execute(
    em.getKysely(),
  );
  return new Map(rows.map(({ id, status }) => [id, status]));
}

function toRow(account: AccountRead) {
  return {
    id: account.id,
    status: accountStatus(account),
    payouts: account.payoutsEnabled,
    charges: account.chargesEnabled,
    transfers: account.transfersEnabled,
    requirements: requirementsOf(account),
    disabled_reason: account.disabledReason,
    last4: account.destination?.last4 ?? null,
    bank: account.destination?.bankName ?? null,
    currency: account.destination?.currency ?? null,
    fingerprint: account.destination?.fingerprint ?? null,
  };
}
