/** Controls that all providers share: faults, the journal, health. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { FAULT_KINDS, type FaultBook } from './faults.ts';
import type { Journal } from './journal.ts';
import { Problem } from './problems.ts';

const FaultBody = Type.Object(
  {
    provider: Type.String(),
    path_pattern: Type.String(),
    kind: Type.Enum([...FAULT_KINDS]),
    times: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1 }),
    delay_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: 3_600_000 })),
    method: Type.Optional(Type.Enum(['GET', 'POST', 'DELETE'])),
  },
  { additionalProperties: false },
);

interface Shared {
  faults: FaultBook;
  journal: Journal;
  providers: string[];
}

export function registerControls(app: FastifyInstance, { faults, journal, providers }: Shared): void {
  const known = (provider: string) => {
    if (providers.includes(provider)) return provider;
    throw new Problem(400, 'validation_failed', `provider must be one of: ${providers.join(', ')}`);
  };

  app.get('/_sandbox/health', () => ({ status: 'ok', providers }));

  app.post<{ Body: Static<typeof FaultBody> }>(
    '/_sandbox/faults',
    { schema: { body: FaultBody } },
    (request, reply) => {
      known(request.body.provider);
      return reply.code(201).send(faults.add(request.body));
    },
  );

  app.get('/_sandbox/faults', () => ({ data: faults.list() }));

  app.delete('/_sandbox/faults', (_request, reply) => {
    faults.clear();
    return reply.code(204).send();
  });

  app.get<{ Querystring: Record<string, unknown> }>('/_sandbox/journal', (request) => {
    const { provider, after, limit } = request.query;
    return {
      data: journal.list({
        provider: typeof provider === 'string' ? known(provider) : undefined,
        after: wholeNumber('after', after),
        limit: wholeNumber('limit', limit),
      }),
    };
  });
}

function wholeNumber(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && /^\d{1,15}$/.test(value)) return Number(value);
  throw new Problem(400, 'validation_failed', `${name} must be a whole number`);
}
