import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { PaymentAccountStatus } from '../domain/payment-accounts.ts';
import { Problem } from '../domain/problems.ts';
import { StripeFailure } from '../providers/stripe/errors.ts';
import type { StripeAccount } from '../providers/stripe/types.ts';
import { storeAccounts, type AccountDeps } from './account-sync.ts';
import { providerUnavailable } from './provider-failures.ts';

export interface OpenAccountInput {
  creatorId: string;
  /** ISO 3166-1 alpha-2. An account keeps the country that it was made with. */
  country: string;
  /** Where the creator goes after onboarding; null: as it was. */
  returnUrl: string | null;
}

export interface OpenedAccount {
  id: string;
  status: PaymentAccountStatus;
}

interface AccountRow {
  provider_account_id: string | null;
  status: PaymentAccountStatus;
  country: string;
  email: string;
  creation_attempt: number;
  /** Stripe may have forgotten the key by now and would make another account. */
  key_expired: boolean;
  created_at: Date;
  /** The database's time before Stripe is asked. */
  begun_at: string;
}

type Opening = AccountDeps & { creatorId: string; row: AccountRow; signal: AbortSignal };

/** Stripe keeps idempotency keys for at least 24 hours. */
const KEY_LIFE = '23 hours';

/**
 * The creator's account at Stripe, which the first call makes. Stripe makes one however often this is called and wherever it
 * crashes: the idempotency key comes from the creator's row, and what an earlier key may have done is looked up before another
 * is used. Errors: `validation_failed` for a country that Stripe does not serve, `provider_unavailable`.
 */
export async function openAccount(
  deps: AccountDeps,
  input: OpenAccountInput,
  signal: AbortSignal,
): Promise<OpenedAccount> {
  const { creatorId } = input;
  const em = deps.orm.em.fork();
  const row = await announce(em, input);
  if (row.provider_account_id !== null) return { id: row.provider_account_id, status: row.status };
  const opening = { ...deps, creatorId, row, signal };
  try {
    const account = row.key_expired ? await findOrCreate(opening) : await create(opening);
    return { id: account.id, status: await remember(opening, account) };
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error;
    if (error.kind !== 'refused') throw providerUnavailable(error);
    await nextAttempt(opening);
    if (error.code !== 'country_unsupported') throw providerUnavailable(error);
    throw new Problem('validation_failed', error.message, [{ path: 'country', message: 'is not served by Stripe' }]);
  }
}

async function announce(em: EntityManager, { creatorId, country, returnUrl }: OpenAccountInput): Promise<AccountRow> {
  const { rows } = await sql<AccountRow>`
    insert into creator_payment_account as a (creator_id, country, return_url)
    values (${creatorId}, ${country}, ${returnUrl})
    on conflict (creator_id) do update
       set return_url = coalesce(excluded.return_url, a.return_url),
           country = case when a.provider_account_id is null then excluded.country else a.country end
    returning provider_account_id, status, country, creation_attempt, created_at, clock_timestamp()::text as begun_at,
              creation_attempted_at < now() - ${KEY_LIFE}::interval as key_expired,
              (select email from creator where id = a.creator_id) as email`.execute(em.getKysely());
  return rows[0]!;
}

async function create(opening: Opening): Promise<StripeAccount> {
  try {
    return await send(opening, opening.row.creation_attempt);
  } catch (error) {
    if (error instanceof StripeFailure && isSpent(error)) return findOrCreate(opening);
    throw error;
  }
}

/** The key was used with another country or e-mail address, or Stripe broke down over it: it will never make an account now. */
function isSpent({ code, httpStatus = 0 }: StripeFailure): boolean {
  return code === 'idempotency_error' || httpStatus >= 500;
}

async function findOrCreate(opening: Opening): Promise<StripeAccount> {
  const { stripe, creatorId, row, signal } = opening;
  const found = await stripe.findAccount({ creatorId, createdAfter: new Date(row.created_at) }, signal);
  return found ?? send(opening, await nextAttempt(opening));
}

function send({ stripe, creatorId, row, signal }: Opening, attempt: number): Promise<StripeAccount> {
  const { email, country } = row;
  return stripe.createAccount(
    { creatorId, email, country, idempotencyKey: `creator:${creatorId}:account:${attempt}` },
    signal,
  );
}

/** Of several that want the next attempt one begins it, and all use it. */
async function nextAttempt({ orm, creatorId, row }: Opening): Promise<number> {
  const next = row.creation_attempt + 1;
  const { rows } = await sql<{ creation_attempt: number }>`
    update creator_payment_account
       set creation_attempt = greatest(creation_attempt, ${next}),
           creation_attempted_at = case when creation_attempt < ${next} then now() else creation_attempted_at end
     where creator_id = ${creatorId}
    returning creation_attempt`.execute(orm.em.fork().getKysely());
  return rows[0]!.creation_attempt;
}

async function remember({ orm, creatorId, row }: Opening, account: StripeAccount): Promise<PaymentAccountStatus> {
  return orm.em.fork().transactional(async (em) => {
    await sql`
      update creator_payment_account set provider_account_id = ${account.id}, status = 'pending'
       where creator_id = ${creatorId} and provider_account_id is null`.execute(em.getKysely());
    const statuses = await storeAccounts(em, [account], row.begun_at);
    return statuses.get(account.id)!;
  });
}
