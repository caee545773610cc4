import { describe, expect, test } from '@jest/globals';
import {
  accountStatus,
  ACCESS_LOST,
  isReturnUrl,
  requirementsOf,
  type AccountFacts,
} from '../../src/domain/payment-accounts.ts';

const complete: AccountFacts = {
  detailsSubmitted: true,
  payoutsEnabled: true,
  transfersEnabled: true,
  currentlyDue: [],
  pastDue: [],
  disabledReason: null,
};

describe('the status of an account', () => {
  test.each<[string, Partial<AccountFacts>, string]>([
    ['complete', {}, 'active'],
    ['complete, with something due later', { currentlyDue: ['individual.id_number'] }, 'active'],
    ['new', { detailsSubmitted: false, payoutsEnabled: false, transfersEnabled: false }, 'pending'],
    [
      'new, as Stripe calls it disabled',
      { detailsSubmitted: false, payoutsEnabled: false, pastDue: ['tos'], disabledReason: 'requirements.past_due' },
      'pending',
    ],
    ['being verified', { payoutsEnabled: false, disabledReason: 'requirements.pending_verification' }, 'pending'],
    ['under review', { payoutsEnabled: false, disabledReason: 'under_review' }, 'pending'],
    ['submitted, transfers not active yet', { transfersEnabled: false }, 'pending'],
    ['with something past due', { payoutsEnabled: false, pastDue: ['document'] }, 'restricted'],
    ['whose bank failed', { payoutsEnabled: false, disabledReason: 'requirements.past_due' }, 'restricted'],
    ['rejected', { payoutsEnabled: false, disabledReason: 'rejected.fraud' }, 'restricted'],
    ['rejected before it was complete', { detailsSubmitted: false, disabledReason: 'rejected.other' }, 'restricted'],
    ['listed', { payoutsEnabled: false, disabledReason: 'listed' }, 'restricted'],
    ['out of reach', { payoutsEnabled: false, transfersEnabled: false, disabledReason: ACCESS_LOST }, 'restricted'],
  ])('%s', (_name, facts, status) => {
    expect(accountStatus({ ...complete, ...facts })).toBe(status);
  });
});

test('what is past due comes first, and nothing twice', () => {
  expect(requirementsOf({ currentlyDue: ['a', 'b'], pastDue: ['b', 'c'] })).toEqual(['b', 'c', 'a']);
});

describe('an address to return to', () => {
  test.each([
    ['https://app.example.com/x', [], true],
    ['http://localhost:5173/', [], true],
    ['javascript:alert(1)', [], false],
    ['/relative', [], false],
    ['https://app.example.com/x', ['app.example.com'], true],
    ['https://app.example.com:8443/x', ['app.example.com'], true],
    ['http://localhost:5173/', ['localhost:5173'], true],
    ['http://localhost:5174/', ['localhost:5173'], false],
    ['https://app.example.com.evil.org/', ['app.example.com'], false],
    ['https://app.example.com@evil.org/', ['app.example.com'], false],
  ])('%s of %o: %s', (url, hosts, allowed) => {
    expect(isReturnUrl(url, hosts)).toBe(allowed);
  });
});
