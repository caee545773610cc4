import { Migration20261121000100_ledger } from './Migration20261121000100_ledger.ts';

/** In the order in which they run. */
export const migrationsList = [{ name: 'Migration20261121000100_ledger', class: Migration20261121000100_ledger }];
