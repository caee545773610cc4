import type { EntityManager } from '@mikro-orm/postgresql';
import { creatorAccount, railAccount, type Rail } from '../ledger/accounts.ts';
import { post, type EntryType, type JournalEntry, type PostedBy } from '../ledger/post.ts';

/** What a payout's journal entries need of it. */
export interface PayoutMoney {
  id: string;
  creator_id: string;
  currency: string;
  method: Rail;
  attempt: number;
  /** Minor units, as PostgreSQL sends an int8. */
  amount: string;
}

type PayoutEntryType = Extract<EntryType, `payout_${string}`>;

/** From which account to which the whole amount goes. */
const moves: Record<
  PayoutEntryType,
  (
    payout: PayoutMoney,
  ) => [from: JournalEntry['lines'][number]['account'], to: JournalEntry['lines'][number]['account']]
> = {
  payout_reserved: (p) => [
    creatorAccount(p.creator_id, 'available', p.currency),
    creatorAccount(p.creator_id, 'in_payout', p.currency),
  ],
  payout_released: (p) => [
    creatorAccount(p.creator_id, 'in_payout', p.currency),
    creatorAccount(p.creator_id, 'available', p.currency),
  ],
  payout_sent: (p) => [
    creatorAccount(p.creator_id, 'in_payout', p.currency),
    railAccount(p.method, 'clearing', p.currency),
  ],
  payout_settled: (p) => [railAccount(p.method, 'clearing', p.currency), railAccount(p.method, 'cash', p.currency)],
  payout_unsettled: (p) => [railAccount(p.method, 'cash', p.currency), railAccount(p.method, 'clearing', p.currency)],
  payout_returned: (p) => [
    railAccount(p.method, 'clearing', p.currency),
    creatorAccount(p.creator_id, 'available', p.currency),
  ],
};

/** Posts the same fact for any number of payouts, once per payout and attempt however often it is called. */
export async function postPayouts(
  em: EntityManager,
  type: PayoutEntryType,
  payouts: PayoutMoney[],
  by: PostedBy,
): Promise<void> {
  await post(
    em,
    payouts.map((payout) => payoutEntry(type, payout)),
    by,
  );
}

function payoutEntry(type: PayoutEntryType, payout: PayoutMoney): JournalEntry {
  const [from, to] = moves[type](payout);
  const amount = BigInt(payout.amount);
  return {
    type,
    key: `payout:${payout.id}:${type}:${payout.attempt}`,
    correlationId: `payout:${payout.id}`,
    lines: [
      { account: from, amount: -amount },
      { account: to, amount },
    ],
  };
}
