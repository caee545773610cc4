import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { HTTPMethods } from 'fastify';
import type { DeclaredRoute } from '../../src/api/app.ts';
import { roles } from '../../src/domain/roles.ts';
import { createTestApi } from '../support/api.ts';
import { insertForeignRecords } from '../support/foreign-records.ts';
import { sampleOf } from '../support/samples.ts';

/** `FUZZ_RUNS` asks for more. */
const RUNS_PER_ROUTE = Number(process.env['FUZZ_RUNS'] ?? 8);

// Temporal is away, so that what is accepted by chance starts nothing; 503 then is the right answer
const api = await createTestApi({
  temporal: { address: '127.0.0.1:9', namespace: 'default', uiUrl: 'http://127.0.0.1:8233' },
});
const everybody = await api.user([...roles]);
const records = Object.values(await insertForeignRecords(api));
const takesInput = ({ url, schema }: DeclaredRoute) =>
  url.includes(':') || schema.body !== undefined || schema.querystring !== undefined;
const routes = api.app.declaredRoutes
  .filter((route) => route.method !== 'HEAD' && takesInput(route))
  .map((route) => [`${route.method} ${route.url}`, route] as const);

afterAll(async () => {
  await api.close();
});

const strange = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    '',
    0,
    -1,
    1.5,
    1e300,
    2 ** 53,
    '\0',
    'a\0b',
    '\ud800',
    '1e5',
    [],
    {},
    true,
    'null',
    '%',
    '💸',
  ),
  fc.constantFrom<unknown>(
    'x'.repeat(5000),
    '2030-02-31T00:00:00Z',
    '0000-00-00',
    '+275760-09-13T00:00:00Z',
    'USD',
    '019a',
  ),
  fc.jsonValue({ maxDepth: 2 }),
);

/** A sample in which one value, somewhere, is another; or something else altogether. */
function mutated(sample: unknown): fc.Arbitrary<unknown> {
  if (typeof sample !== 'object' || sample === null) return strange;
  const inside = Object.entries(sample).map(([name, value]) =>
    mutated(value).map((changed) => (Array.isArray(sample) ? [changed] : { ...sample, [name]: changed })),
  );
  return fc.oneof(strange, fc.constant(sample), ...inside);
}

const text = fc.oneof(
  fc.constantFrom(...records),
  strange.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))),
  fc.string(),
);

function requestOf({ url, schema }: DeclaredRoute) {
  const query = schema.querystring as { properties?: object } | undefined;
  const names = ['limit', 'cursor', 'unknown', ...Object.keys(query?.properties ?? {})];
  return fc.record({
    path: fc
      .array(text, { minLength: 3, maxLength: 3 })
      .map((values) =>
        url.replaceAll(/:\w+/g, () => encodeURIComponent((values.pop() ?? '').toWellFormed().slice(0, 100))),
      ),
    query: fc.dictionary(
      fc.constantFrom(...names),
      text.map((value) => value.toWellFormed().slice(0, 200)),
      { maxKeys: 3 },
    ),
    body: schema.body === undefined ? fc.constant(undefined) : mutated(sampleOf(schema.body as object)),
  });
}

test.each(routes)('%s never breaks', async (_name, route) => {
  await fc.assert(
    fc.asyncProperty(requestOf(route), async ({ path, query, body }) => {
      const authorization = `Bearer ${everybody.token}`;
      const response = await api.app.inject({
        method: route.method as HTTPMethods & 'GET',
        url: path,
        query,
        headers: { authorization, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { payload: JSON.stringify(body) }),
      });
      const { statusCode } = response;
      if (statusCode >= 500) expect([response.body, statusCode]).toEqual([expect.anything(), 503]);
      if (statusCode >= 400) expect(response.headers['content-type']).toMatch(/json/);
    }),
    { numRuns: RUNS_PER_ROUTE },
  );
});
