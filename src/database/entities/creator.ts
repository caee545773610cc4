import { defineEntity, p } from '@mikro-orm/core';
import type { CreatorStatus, PayoutSchedule } from '../../domain/creators.ts';

const CreatorSchema = defineEntity({
  name: 'Creator',
  tableName: 'creator',
  properties: {
    id: p.uuid().primary().defaultRaw('uuidv7()'),
    /** Null for a creator whom an operator added and who has no login. */
    userId: p.uuid().nullable(),
    name: p.text(),
    email: p.text(),
    bio: p.text().nullable(),
    avatarUrl: p.text().nullable(),
    /** Of what is earned and paid here. */
    currency: p.character().length(3).default('USD'),
    status: p.text().$type<CreatorStatus>().default('active'),
    payoutSchedule: p.text().$type<PayoutSchedule>().default('monthly'),
    /** Sealed; see `database/encryption.ts`. */
    bankAccount: p.text().nullable(),
    bankAccountLast4: p.text().nullable(),
    accountName: p.text().nullable(),
    followersCount: p.integer().default(0),
    createdAt: p.datetime().defaultRaw('now()'),
    updatedAt: p
      .datetime()
      .defaultRaw('now()')
      .onUpdate(() => new Date()),
  },
});

/** Somebody who earns. */
export class Creator extends CreatorSchema.class {}
CreatorSchema.setClass(Creator);
export { CreatorSchema };
