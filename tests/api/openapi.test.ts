import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DeclaredRoute } from '../../src/api/app.ts';
import { createTestApi, type TestApi } from '../support/api.ts';

interface Operation {
  operationId: string;
  summary?: string;
  tags?: string[];
  security: Record<string, string[]>[];
  'x-roles'?: string[];
  parameters?: { name: string; in: string; required?: boolean; schema: object }[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
}

interface Document {
  openapi: string;
  info: object;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object>; securitySchemes: Record<string, object> };
}

let api: TestApi;
let text: string;
let document: Document;
let operations: (Operation & { method: string; path: string })[];

beforeAll(async () => {
  api = await createTestApi();
  const response = await api.as().get('/openapi.json');
  text = response.body;
  document = response.json<Document>();
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, method, path })),
  );
});
afterAll(async () => {
  await api.close();
});

describe('the description', () => {
  test('is OpenAPI 3.1 without words of 3.0 and without dangling references', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(text).not.toContain('"nullable"');
    const references = new Set(
      [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name),
    );
    expect([...references].filter((name) => !Object.hasOwn(document.components.schemas, name ?? ''))).toEqual([]);
  });

  test('lists every route but the aliases and the page itself', () => {
    const hidden = api.app.declaredRoutes.filter(({ schema }) => schema.hide === true).map(({ url }) => url);
    expect(hidden.filter((url) => !/^\/(?:docs|openapi\.json|creators|payouts|transactions|codec)/.test(url))).toEqual(
      [],
    );
    const isShown = ({ method, schema }: DeclaredRoute) => method !== 'HEAD' && schema.hide !== true;
    const declared = api.app.declaredRoutes.filter(isShown).map(({ method, url }) => `${method} ${url}`);
    const shown = operations.map(
      ({ method, path }) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    );
    expect(shown.sort()).toEqual(declared.sort());
  });

  test('names and sorts each operation, once', () => {
    const unnamed = operations.filter(({ summary, tags }) => summary === undefined || tags?.length !== 1);
    expect(unnamed.map(({ path }) => path)).toEqual([]);
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  });

  test('has each parameter of each path', () => {
    for (const { path, parameters = [] } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(parameters.filter((one) => one.in === 'path').map((one) => one.name)).toEqual(inPath);
    }
  });

  test('says who may call, with what, and how refusals look', () => {
    const roles = document.paths['/api/v1/admin/users/{id}/roles']?.['post'];
    expect(roles).toMatchObject({
      security: [{ accessToken: [] }],
      'x-roles': ['admin'],
      description: expect.stringMatching(/For `admin`\.$/),
    });
    expect(document.paths['/api/v1/auth/login']?.['post']?.security).toEqual([]);
    for (const { responses } of operations) {
      const problem = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
      expect(responses['4XX']).toMatchObject({ content: problem });
    }
  });

  test('is the same as what the routes check: null, enumerations, closed bodies, keys', () => {
    const create = document.paths['/api/v1/creators']?.['post'];
    expect(create?.requestBody?.content['application/json']?.schema).toMatchObject({
      additionalProperties: false,
      required: ['name', 'email'],
      properties: {
        bio: { type: ['string', 'null'] },
        payout_schedule: { type: 'string', enum: ['monthly', 'biweekly', 'weekly', 'manual'] },
      },
    });
    expect(create?.parameters).toContainEqual(
      expect.objectContaining({ name: 'Idempotency-Key', in: 'header', required: false }),
    );
    expect(create?.responses['201']?.description).toBe('Created');
  });
});

test('the page at /docs loads its own script and nothing from elsewhere', async () => {
  expect((await api.as().get('/docs')).headers.location).toBe('/docs/');
  const page = await api.as().get('/docs/');
  expect(page.headers['content-type']).toContain('text/html');
  expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  expect(page.body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  const script = await api.as().get('/docs/js/scalar.js');
  expect([script.statusCode, script.headers['content-type']]).toEqual([200, 'application/javascript; charset=utf-8']);
});

describe('metrics', () => {
  test('count requests by route, not by path', async () => {
    await api.as().get('/api/v1/creators/019a0000-0000-7000-8000-000000000000');
    const { body } = await api.as().get('/metrics');
    expect(body).toMatch(
      /http_request_duration_seconds_count\{method="GET",route="\/api\/v1\/creators\/:id",status="404"\} 1/,
    );
    expect(body).toContain('process_cpu_seconds_total');
  });

  test('are open unless there is a token', async () => {
    const own = await createTestApi({ metricsToken: 'scrape-me' });
    try {
      expect((await own.as().get('/metrics')).statusCode).toBe(401);
      expect((await own.as('scrape-you').get('/metrics')).statusCode).toBe(401);
      expect((await own.as('scrape-me').get('/metrics')).statusCode).toBe(200);
    } finally {
      await own.close();
    }
  });
});

describe('browsers', () => {
  test('are told to be careful', async () => {
    expect((await api.as().get('/health')).headers).toMatchObject({
      'content-security-policy': "default-src 'none';frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'strict-transport-security': expect.stringContaining('max-age'),
    });
  });

  test('may call from the origins listed, by default from none', async () => {
    const own = await createTestApi({ corsOrigins: ['https://console.example.com'] });
    const allowed = async (from: TestApi, origin: string) =>
      (await from.as().get('/health', { origin })).headers['access-control-allow-origin'];
    try {
      expect(await allowed(own, 'https://console.example.com')).toBe('https://console.example.com');
      expect(await allowed(own, 'https://evil.example.com')).toBeUndefined();
      expect(await allowed(api, 'https://console.example.com')).toBeUndefined();
    } finally {
      await own.close();
    }
  });
});
