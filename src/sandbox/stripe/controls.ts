/** Controls of the Stripe sandbox: what the account holder and the bank do. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { Problem } from '../problems.ts';
import { isOpen, markFailed, markPaid } from './bank-transit.ts';
import { PAYOUT_FAILURES, type PayoutFailure } from './banks.ts';
import type { Box } from './box.ts';
import { completeAccount, deauthorizeAccount, restrictAccount } from './onboarding.ts';

const Completion = Type.Object(
  { account_number: Type.Optional(Type.String({ pattern: '^[0-9A-Za-z -]{4,34}$' })) },
  { additionalProperties: false },
);

const PayoutOutcome = Type.Object(
  {
    status: Type.Enum(['paid', 'failed']),
    failure_code: Type.Optional(Type.Enum(Object.keys(PAYOUT_FAILURES) as PayoutFailure[])),
  },
  { additionalProperties: false },
);

interface ById {
  Params: { id: string };
}

export function registerStripeControls(app: FastifyInstance, box: Box): void {
  const known = (id: string) => {
    const record = box.state.accounts.get(id);
    if (!record || record.gone) throw new Problem(404, 'not_found', `There is no connected account ${id}`);
    return id;
  };

  app.post<ById & { Body: Static<typeof Completion> }>(
    '/_sandbox/stripe/accounts/:id/complete',
    { schema: { body: Completion } },
    (request) => completeAccount(box, known(request.params.id), request.body.account_number),
  );

  app.post<ById>('/_sandbox/stripe/accounts/:id/restrict', (request) => restrictAccount(box, known(request.params.id)));

  app.post<ById>('/_sandbox/stripe/accounts/:id/deauthorize', (request) =>
    deauthorizeAccount(box, known(request.params.id)),
  );

  app.post<ById & { Body: Static<typeof PayoutOutcome> }>(
    '/_sandbox/stripe/payouts/:id',
    { schema: { body: PayoutOutcome } },
    (request) => {
      const { status, failure_code: failure = 'could_not_process' } = request.body;
      const payout = box.state.payouts.row(request.params.id)?.value;
      if (!payout) throw new Problem(404, 'not_found', `There is no payout ${request.params.id}`);
      if (payout.status === status) return payout;
      if (status === 'paid' && isOpen(payout)) return markPaid(box, payout.id);
      if (status === 'failed' && payout.status !== 'canceled') return markFailed(box, payout.id, failure);
      throw new Problem(409, 'conflict', `The payout is ${payout.status} and cannot become ${status}`);
    },
  );
}
