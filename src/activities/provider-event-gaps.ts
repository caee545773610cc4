import type { Context } from '@temporalio/activity';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { storeProviderEvents, type ProviderEvent } from '../database/provider-events.ts';
import { StripeFailure } from '../providers/stripe/errors.ts';
import type { AccountDeps } from './account-sync.ts';

export interface GapInput {
  /** ISO 8601: platform events from then on. */
  since: string;
}

export interface FilledGaps {
  /** Events that no webhook had brought. */
  stored: number;
  /** Connected accounts whose events were listed. */
  accounts: number;
}

/** Stripe lists at most 20 types at a time. */
const EVENT_TYPES = [
  'account.updated',
  'account.application.deauthorized',
  'account.external_account.created',
  'account.external_account.updated',
  'account.external_account.deleted',
  'balance.available',
  'capability.updated',
  'payout.created',
  'payout.updated',
  'payout.paid',
  'payout.failed',
  'payout.canceled',
  'payout.reconciliation_completed',
  'topup.succeeded',
  'topup.failed',
  'transfer.created',
  'transfer.updated',
  'transfer.reversed',
];

const ACCOUNTS = 500;
const STORE_AT_ONCE = 200;
/** An event may be listed a while after it happened. */
const OVERLAP = '1 hour';

/**
 * Lists the platform's events and those of connected accounts with payouts under way, the accounts not looked at for the longest time
 * first, and stores what is missing. Each account remembers until when that was done.
 */
export async function fillGaps(deps: AccountDeps, { since }: GapInput, context: Context): Promise<FilledGaps> {
  const em = deps.orm.em.fork();
  const accounts = await accountsUnderWay(em);
  let stored = await list(deps, { createdAfter: new Date(since) }, context);
  for (const listing of accounts) {
    try {
      stored += await list(deps, listing, context);
    } catch (error) {
      // an account that we have lost access to tells nothing any more
      const isLost = error instanceof StripeFailure && error.kind === 'refused';
      if (!isLost) throw error;
    }
  }
  await markListed(em, accounts);
  return { stored, accounts: accounts.length };
}

async function list(
  { orm, stripe }: AccountDeps,
  { createdAfter, account }: { createdAfter: Date; account?: string },
  context: Context,
): Promise<number> {
  const em = orm.em.fork();
  let stored = 0;
  let batch: ProviderEvent[] = [];
  const wanted = { createdAfter, types: EVENT_TYPES, ...(account !== undefined && { account }) };
  for await (const event of stripe.listEvents(wanted, context.cancellationSignal)) {
    batch.push(event);
    if (batch.length < STORE_AT_ONCE) continue;
    stored += await storeProviderEvents(em, 'stripe', batch);
    batch = [];
    context.heartbeat();
  }
  context.heartbeat();
  return stored + (await storeProviderEvents(em, 'stripe', batch));
}

interface AccountListing {
  account: string;
  createdAfter: Date;
  /** The database's time when the listing began. */
  begunAt: string;
}

async function accountsUnderWay(em: EntityManager): Promise<AccountListing[]> {
  const { rows } = await sql<{ account: string; since: Date; begun_at: string }>`
    select a.provider_account_id as account, coalesce(a.events_listed_at, a.created_at) - ${OVERLAP}::interval as since,
           now()::text as begun_at
      from creator_payment_account a
     where a.provider = 'stripe' and a.provider_account_id is not null
       and exists (select from payout p where p.creator_id = a.creator_id and p.destination = a.provider_account_id
                      and p.status in ('processing', 'in_transit', 'outcome_unknown'))
     order by a.events_listed_at nulls first limit ${ACCOUNTS}`.execute(em.getKysely());
  return rows.map(({ account, since, begun_at: begunAt }) => ({ account, createdAfter: new Date(since), begunAt }));
}

async function markListed(em: EntityManager, listings: AccountListing[]): Promise<void> {
  const [first] = listings;
  if (!first) return;
  await sql`
    update creator_payment_account set events_listed_at = ${first.begunAt}::timestamptz
     where provider = 'stripe' and provider_account_id = any (${listings.map(({ account }) => account)})`.execute(
    em.getKysely(),
  );
}
