/** What became of a file, gathered from the API, the provider and the ledger. */
import pLimit from 'p-limit';
import type { Access } from './access.ts';
import type { Campaign } from './campaign.ts';
import type { Creator } from './creators.ts';
import { expectedEarnings } from './expected.ts';
import { ledgerDifferences, settledByLedger, type LedgerTotals } from './ledger.ts';
import { participationsOf } from './participations.ts';
import { payoutsOf, type PayoutView } from './payouts.ts';

const AT_ONCE = 12;

/** Amounts in minor units. */
export interface CreatorOutcome {
  name: string;
  /** What the file says. */
  expected: bigint;
  /** Gross, as the product has it. */
  earned: bigint;
  paid: bigint;
  payoutsCompleted: number;
  /** Why the run passed over them. */
  skipped?: string;
  /** Why their payout did not get through. */
  failed?: string;
}

export interface Outcome extends LedgerTotals {
  creators: CreatorOutcome[];
  providerTotal: bigint;
  ledgerTotal: bigint;
  ledgerDifferences: string[];
}

export async function gatherOutcome(
  access: Access,
  campaign: Campaign,
  creators: Creator[],
  totals: LedgerTotals,
): Promise<Outcome> {
  const [participations, payouts] = await Promise.all([participationsOf(campaign), payoutsOf(access, creators)]);
  const limit = pLimit(AT_ONCE);
  const outcomes = await Promise.all(
    creators.map((creator) =>
      limit(async () => {
        const earned = BigInt(participations.get(creator.id)?.earned ?? 0);
        const expected = expectedEarnings(creator.channel, campaign.ratePerThousand);
        return {
          name: creator.channel.name,
          expected,
          earned,
          ...(await paidTo(creator, earned, payouts.get(creator.id)!)),
        };
      }),
    ),
  );
  const paidBy = new Map(outcomes.map(({ paid }, index) => [creators[index]!.accountId, paid]));
  const payoutIds = [...payouts.values()].flat().map(({ id }) => id);
  return {
    ...totals,
    creators: outcomes,
    providerTotal: await paidByProvider(access, paidBy),
    ledgerTotal: await settledByLedger(access.orm, payoutIds),
    ledgerDifferences: await ledgerDifferences(access.orm),
  };
}

type Paid = Pick<CreatorOutcome, 'paid' | 'payoutsCompleted' | 'skipped' | 'failed'>;

async function paidTo({ api }: Creator, earned: bigint, payouts: PayoutView[]): Promise<Paid> {
  const completed = payouts.filter(({ status }) => status === 'completed');
  const paid = completed.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
  const result = { paid, payoutsCompleted: completed.length };
  if (paid > 0n && paid >= earned) return result;
  const stuck = payouts.find(({ status }) => status !== 'completed');
  if (stuck) return { ...result, failed: stuck.failure_code ?? stuck.status };
  const { reasons } = await api.get<{ reasons: string[] }>('/api/v1/payouts/upcoming');
  return reasons[0] === undefined ? result : { ...result, skipped: reasons[0] };
}

/** By its own journal, less what banks sent back. Those are looked up where the journal and what we hold for paid differ. */
async function paidByProvider({ sandbox }: Access, paidBy: ReadonlyMap<string, bigint>): Promise<bigint> {
  const journal = await sandbox.bankPayouts();
  let total = 0n;
  for (const [accountId, paid] of paidBy) {
    const sent = journal.get(accountId) ?? 0n;
    total += sent === paid ? sent : sent - (await sandbox.returnedByBank(accountId));
  }
  return total;
}
