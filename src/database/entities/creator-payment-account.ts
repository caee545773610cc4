import { defineEntity, p } from '@mikro-orm/core';
import type { PaymentAccountStatus } from '../../domain/payment-accounts.ts';

const CreatorPaymentAccountSchema = defineEntity({
  name: 'CreatorPaymentAccount',
  tableName: 'creator_payment_account',
  properties: {
    creatorId: p.uuid().primary(),
    provider: p.string(),
    /** Null until the provider has made it. */
    providerAccountId: p.string().nullable(),
    country: p.character().length(2),
    status: p.string().$type<PaymentAccountStatus>(),
    payoutsEnabled: p.boolean(),
    chargesEnabled: p.boolean(),
    transfersEnabled: p.boolean(),
    requirements: p.json<string[]>(),
    disabledReason: p.string().nullable(),
    kycStatus: p.string().$type<'none' | 'pending' | 'verified' | 'rejected'>(),
    returnUrl: p.string().nullable(),
    destinationLast4: p.string().nullable(),
    destinationBank: p.string().nullable(),
    destinationCurrency: p.character().length(3).nullable(),
    /** Of the last bank account that there was. */
    destinationFingerprint: p.string().nullable(),
    /** When it became another one than before; null: it never did. */
    destinationChangedAt: p.datetime().nullable(),
    /** Numbers the provider's idempotency keys. */
    creationAttempt: p.integer(),
    creationAttemptedAt: p.datetime(),
    /** When the read began that the facts above come from; a read that began earlier never overwrites them. */
    syncedAt: p.datetime().nullable(),
    /** Until when its events at the provider are known to be stored. */
    eventsListedAt: p.datetime().nullable(),
    version: p.integer(),
    createdAt: p.datetime(),
  },
});

/** A creator's account with a payment provider, as the provider last described it. */
export class CreatorPaymentAccount extends CreatorPaymentAccountSchema.class {}
CreatorPaymentAccountSchema.setClass(CreatorPaymentAccount);
export { CreatorPaymentAccountSchema };
