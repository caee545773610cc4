import type { Client } from '@temporalio/client';
import type { MikroORM } from '@mikro-orm/postgresql';
import type { ProviderEvent } from '../database/provider-events.ts';
import type { PostedBy } from '../ledger/post.ts';
import { applyBankPayoutWords, applyReversedTransfers, type BankPayoutWord } from './payout-events.ts';
import { tellWorkflows } from './payout-own-runs.ts';
import type { PayoutEventHandler } from './provider-events.ts';

const verdicts: Record<string, BankPayoutWord['verdict']> = {
  'payout.paid': 'paid',
  'payout.failed': 'failed',
  'payout.canceled': 'failed',
};

/** Settles or fails payouts by what the provider reports about them, and tells their own runs once that is committed. */
export function payoutEventHandler({ orm, client }: { orm: MikroORM; client: Client }): PayoutEventHandler {
  return async (em, events) => {
    const by: PostedBy = { actor: 'stripe' };
    const words = events.flatMap((event) => wordOf(event) ?? []);
    const reversed = events
      .filter(({ type }) => type === 'transfer.reversed')
      .flatMap(({ objectId }) => objectId ?? []);
    const applied = await applyBankPayoutWords(em, oncePerPayout(words), by);
    const taken = await applyReversedTransfers(em, reversed);
    return () => tellWorkflows(orm, client, { ...applied, failed: [...applied.failed, ...taken] });
  };
}

interface BankPayoutObject {
  id: string;
  failure_code?: string | null;
  failure_message?: string | null;
  metadata?: { payout_id?: string; attempt?: string } | null;
}

function wordOf({ type, payload }: ProviderEvent): BankPayoutWord | undefined {
  const verdict = verdicts[type];
  if (!verdict) return undefined;
  const { object } = payload['data'] as { object: BankPayoutObject };
  return {
    bankPayoutId: object.id,
    payoutId: object.metadata?.payout_id ?? null,
    attempt: object.metadata?.attempt === undefined ? null : Number(object.metadata.attempt),
    verdict,
    code: object.failure_code ?? (verdict === 'failed' ? type : null),
    message: object.failure_message ?? null,
  };
}

/** One word of each kind about a payout: events come twice. */
function oncePerPayout(words: BankPayoutWord[]): BankPayoutWord[] {
  return [...new Map(words.map((word) => [`${word.verdict} ${word.bankPayoutId}`, word])).values()];
}
