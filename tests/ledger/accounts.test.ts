import { expect, test } from '@jest/globals';
import { v5 as uuidv5, v7 as uuidv7 } from 'uuid';
import { creatorAccount, platformAccount, railAccount } from '../../src/ledger/accounts.ts';

test("an account's id is the version 5 UUID of its name", () => {
  const accounts = [
    platformAccount('fees', 'USD'),
    railAccount('stripe', 'clearing', 'EUR'),
    ...Array.from({ length: 100 }, () => creatorAccount(uuidv7(), 'available', 'JPY')),
  ];
  for (const { id, name } of accounts) expect(id).toBe(uuidv5(name, '5f1a7c52-6c0e-4a52-9d6e-6f4c1d1f7a10'));
});
