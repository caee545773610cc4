import type { MikroORM } from '@mikro-orm/postgresql';
import { verifyLedger, type LedgerVerification } from '../ledger/verify.ts';

export type LedgerActivities = ReturnType<typeof createLedgerActivities>;

export function createLedgerActivities({ orm }: { orm: MikroORM }) {
  return {
    verifyLedger(): Promise<LedgerVerification> {
      return verifyLedger(orm.em.fork());
    },
  };
}
