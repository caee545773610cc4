import type { JournalEntry } from '../../src/sandbox/journal.ts';
import type { ApiClient } from '../support/client.ts';

/** One line of the sandbox's record about money: what a request really did. */
export interface Movement {
  seq: number;
  type: 'transfer' | 'transfer_reversal' | 'payout';
  id: string;
  amount: bigint;
  currency: string | null;
  payoutId: string | undefined;
  /** The connected account that a bank payout was made from. */
  account: string | null;
}

const TYPES: readonly string[] = ['transfer', 'transfer_reversal', 'payout'] satisfies Movement['type'][];

/** Every request that Stripe received after `seq`. */
export async function readJournal(control: ApiClient, seq = 0): Promise<JournalEntry[]> {
  const { body } = await control.get<{ data: JournalEntry[] }>(`/_sandbox/journal?provider=stripe&after=${seq}`);
  return body.data;
}

export function movementsIn(entries: JournalEntry[]): Movement[] {
  return entries.flatMap(({ seq, effect, body, account }) => {
    if (!effect || !TYPES.includes(effect.type)) return [];
    const { type, id, amount, currency } = effect;
    const payoutId = metadataOf(body)?.payout_id;
    return [{ seq, type: type as Movement['type'], id, amount: BigInt(amount), currency, payoutId, account }];
  });
}

/** Whether a request was about a payout: named in its metadata, or in its idempotency key. */
export function isAbout({ body, idempotency_key: key, query }: JournalEntry, payoutId: string): boolean {
  const group = (query as { transfer_group?: string } | null)?.transfer_group ?? '';
  return metadataOf(body)?.payout_id === payoutId || (key ?? '').includes(payoutId) || group.includes(payoutId);
}

function metadataOf(body: unknown): { payout_id?: string } | undefined {
  return (body as { metadata?: { payout_id?: string } } | null)?.metadata;
}
