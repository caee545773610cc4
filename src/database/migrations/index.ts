import { Migration20261121000100_ledger } from './Migration20261121000100_ledger.ts';
import { Migration20261121000200_identity } from './Migration20261121000200_identity.ts';
import { Migration20261121000300_accounts } from './Migration20261121000300_accounts.ts';
import { Migration20261121000400_campaigns } from './Migration20261121000400_campaigns.ts';
import { Migration20261121000500_payouts } from './Migration20261121000500_payouts.ts';

/** In the order in which they run. */
export const migrationsList = [
  { name: 'Migration20261121000100_ledger', class: Migration20261121000100_ledger },
  { name: 'Migration20261121000200_identity', class: Migration20261121000200_identity },
  { name: 'Migration20261121000300_accounts', class: Migration20261121000300_accounts },
  { name: 'Migration20261121000400_campaigns', class: Migration20261121000400_campaigns },
  { name: 'Migration20261121000500_payouts', class: Migration20261121000500_payouts },
];
