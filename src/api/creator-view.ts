import { Type } from 'typebox';
import type { CreatorRecord } from '../database/queries/creators.ts';
import { creatorStatuses, payoutSchedules } from '../domain/creators.ts';
import { amountSchema, currencySchema, idSchema, nullable, oneOf, timestampSchema } from './schemas.ts';

const publicProperties = {
  id: idSchema,
  name: Type.String(),
  bio: nullable(Type.String()),
  avatar: nullable(Type.String()),
  earnings: amountSchema,
  followers: Type.Integer(),
};

const ownProperties = {
  email: Type.String(),
  avatar_url: nullable(Type.String()),
  currency: currencySchema,
  status: oneOf(creatorStatuses),
  payout_schedule: oneOf(payoutSchedules),
  total_earned: amountSchema,
  total_paid_out: amountSchema,
  balance: amountSchema,
  created_at: timestampSchema,
};

/** What admins see of a creator. */
export const creatorSchema = Type.Object({ ...publicProperties, ...ownProperties });

/** What anyone sees; admins and the creator see the rest too. */
export const publicCreatorSchema = Type.Object({
  ...publicProperties,
  ...Type.Partial(Type.Object(ownProperties)).properties,
});

export const ownProfileSchema = Type.Object({
  ...publicProperties,
  ...ownProperties,
  full_name: Type.String(),
  bank_account: nullable(Type.String({ description: 'All but the last four characters are hidden' })),
  account_name: nullable(Type.String()),
});

export function publicCreatorView(creator: CreatorRecord) {
  const { id, name, bio, avatar_url: avatar, total_earned: earnings, followers } = creator;
  return { id, name, bio, avatar, earnings, followers };
}

export function creatorView(creator: CreatorRecord) {
  const { email, avatar_url, currency, status, payout_schedule, total_earned, total_paid_out, balance, created_at } =
    creator;
  return {
    ...publicCreatorView(creator),
    email,
    avatar_url,
    currency,
    status,
    payout_schedule,
    total_earned,
    total_paid_out,
    balance,
    created_at,
  };
}

export function ownProfileView(creator: CreatorRecord) {
  const { name, bank_account_last4: last4, account_name } = creator;
  return { ...creatorView(creator), full_name: name, bank_account: last4 && `****${last4}`, account_name };
}
