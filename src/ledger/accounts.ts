import { v5 as uuidv5 } from 'uuid';

/** What an account is for. Positive balances are owed to somebody or earned; `cash` holds what a provider keeps for us, negated. */
export type AccountKind =
  | 'pending'
  | 'available'
  | 'in_payout'
  | 'debt'
  | 'tax_reserve'
  | 'budget'
  | 'fees'
  | 'fx'
  | 'dispute_loss'
  | 'suspense'
  | 'clearing'
  | 'cash'
  | 'external';

export type Rail = 'stripe' | 'mobile_money' | 'bank_transfer' | 'manual';

/** One account holds one currency. Its id follows from what it is, so that nobody has to look it up. */
export interface LedgerAccount {
  id: string;
  /** Book, owner type, owner, kind and currency, separated by `/`: all that makes this account this one. */
  name: string;
  book: 'main' | 'memo';
  ownerType: 'creator' | 'campaign' | 'platform' | 'rail';
  ownerId: string | null;
  rail: Rail | null;
  kind: AccountKind;
  currency: string;
}

const NAMESPACE = '5f1a7c52-6c0e-4a52-9d6e-6f4c1d1f7a10';

function account(
  ownerType: LedgerAccount['ownerType'],
  kind: AccountKind,
  currency: string,
  owner: { ownerId?: string; rail?: Rail } = {},
): LedgerAccount {
  const { ownerId = null, rail = null } = owner;
  const name = ['main', ownerType, ownerId ?? rail ?? '', kind, currency].join('/');
  return { id: uuidv5(name, NAMESPACE), name, book: 'main', ownerType, ownerId, rail, kind, currency };
}

export type CreatorAccountKind = 'pending' | 'available' | 'in_payout' | 'debt' | 'tax_reserve';

export function creatorAccount(creatorId: string, kind: CreatorAccountKind, currency: string): LedgerAccount {
  return account('creator', kind, currency, { ownerId: creatorId });
}

/** What a brand has paid in for a campaign and nobody has earned yet. */
export function campaignBudget(campaignId: string, currency: string): LedgerAccount {
  return account('campaign', 'budget', currency, { ownerId: campaignId });
}

export function platformAccount(kind: 'fees' | 'fx' | 'dispute_loss' | 'suspense', currency: string): LedgerAccount {
  return account('platform', kind, currency);
}

/** `clearing` holds what a provider is moving right now and comes back to zero; `cash` is what it keeps for us. */
export function railAccount(rail: Rail, kind: 'clearing' | 'cash', currency: string): LedgerAccount {
  return account('rail', kind, currency, { rail });
}
