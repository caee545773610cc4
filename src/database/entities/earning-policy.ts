import { defineEntity, p } from '@mikro-orm/core';
import type { SourceType } from '../../domain/policies.ts';

const EarningPolicySchema = defineEntity({
  name: 'EarningPolicy',
  tableName: 'earning_policy',
  properties: {
    sourceType: p.text().$type<SourceType>().primary(),
    /** The platform's part, in basis points. */
    feeBps: p.integer(),
    /** How long what was earned waits until it can be paid, in milliseconds. */
    holdMs: p.bigint(),
    updatedAt: p
      .datetime()
      .defaultRaw('now()')
      .onUpdate(() => new Date()),
  },
});

/** What applies to everything that is earned from one kind of source from now on. */
export class EarningPolicy extends EarningPolicySchema.class {}
EarningPolicySchema.setClass(EarningPolicy);
export { EarningPolicySchema };
