import { afterAll, describe, expect, test } from '@jest/globals';
import type { HTTPMethods } from 'fastify';
import type { Access, App, DeclaredRoute } from '../../src/api/app.ts';
import { creatorProfileRoutes } from '../../src/api/creator-profile.ts';
import { resources } from '../../src/api/routes.ts';
import { buildApp } from '../../src/api/server.ts';
import { isStaff, roles, scopes, type Role, type Scope } from '../../src/domain/roles.ts';
import { createTestApi } from '../support/api.ts';
import { insertForeignRecords } from '../support/foreign-records.ts';
import { sampleOf } from '../support/samples.ts';

// Temporal is away: who may call what is decided before anybody is asked to do something
const api = await createTestApi({
  temporal: { address: '127.0.0.1:9', namespace: 'default', uiUrl: 'http://127.0.0.1:8233' },
});
const theirs = await insertForeignRecords(api);
// HEAD is made of GET
const routes = api.app.declaredRoutes.filter(({ method }) => method !== 'HEAD');

interface Somebody {
  name: string;
  token: string | undefined;
  role?: Role;
  scope?: Scope;
}

const people: Somebody[] = await Promise.all(
  roles.map(async (role) => ({ name: role, role, token: (await api.user(role)).token })),
);
const services: Somebody[] = await Promise.all(
  scopes.map(async (scope) => ({ name: `key ${scope}`, scope, token: await api.apiKey(scope) })),
);
const everybody: Somebody[] = [{ name: 'nobody', token: undefined }, ...people, ...services];

afterAll(async () => {
  await api.close();
});

/** What the declaration says, read independently of the code that enforces it. */
function isDeclared(access: Access, { role, scope }: Somebody): boolean {
  if (access === 'anyone') return true;
  if (access === 'user') return role !== undefined;
  if (role) return access.roles.includes(role);
  return scope !== undefined && (access.scopes ?? []).includes(scope);
}

const NO_RECORD = '019a0000-0000-7000-8000-000000000000';

function send({ method, url }: DeclaredRoute, { token }: Somebody, request: { id?: string; payload?: string }) {
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(request.payload !== undefined && { 'content-type': 'application/json' }),
    'idempotency-key': crypto.randomUUID(),
  };
  const path = url.replaceAll(/:\w+/g, request.id ?? NO_RECORD);
  return api.app.inject({
    method: method as HTTPMethods & 'GET',
    url: path,
    headers,
    ...(request.payload !== undefined && { payload: request.payload }),
  });
}

const named = routes.map((route) => [`${route.method} ${route.url}`, route] as const);

describe('each route lets in whom it declares and nobody else', () => {
  test.each(named)('%s', async (_name, route) => {
    const outcomes = everybody.map(async (somebody) => {
      // half a JSON text: whoever is let in gets no further than the parser, so that nothing is done
      const payload = route.method === 'GET' ? undefined : '{';
      const { statusCode } = await send(route, somebody, payload === undefined ? {} : { payload });
      const refused = statusCode === 401 || statusCode === 403;
      return [somebody.name, refused ? statusCode : 'let in'] as const;
    });
    const expected = everybody.map((somebody) => {
      const refusal = somebody.token === undefined ? 401 : 403;
      return [somebody.name, isDeclared(route.access, somebody) ? 'let in' : refusal] as const;
    });
    expect(Object.fromEntries(await Promise.all(outcomes))).toEqual(Object.fromEntries(expected));
  });
});

/** Made for other people's records. */
const openToStrangers: Record<string, string> = {
  'GET /api/v1/creators/:id': 'the public profile',
  'GET /creators/:id': 'the public profile',
  'POST /api/v1/creators/:id/follow': 'fans follow creators',
  'POST /creators/:id/follow': 'fans follow creators',
  'DELETE /api/v1/creators/:id/follow': 'fans follow creators',
  'DELETE /creators/:id/follow': 'fans follow creators',
  'POST /api/v1/campaigns/:id/applications': 'creators apply to the campaigns of brands',
};

const owned = named.filter(([name, { url }]) => url.includes(':') && !Object.hasOwn(openToStrangers, name));

describe("nobody gets at a stranger's record", () => {
  const strangersOf = ({ access }: DeclaredRoute) =>
    people.filter((somebody) => !isStaff([somebody.role!]) && isDeclared(access, somebody));
  const cases = owned.flatMap(([name, route]) =>
    strangersOf(route).map((stranger) => [`${name} by a ${stranger.name}`, route, stranger] as const),
  );

  test.each(cases)('%s', async (_name, route, stranger) => {
    const kind = /([\w-]+)\/:/.exec(route.url)?.[1] ?? '';
    const id = theirs[kind];
    if (id === undefined) throw new Error(`tests/support/foreign-records.ts has no record for /${kind}/:…`);
    const body = route.schema.body as object | undefined;
    const payload = body === undefined ? {} : { payload: JSON.stringify(sampleOf(body)) };
    const response = await send(route, stranger, { id, ...payload });
    expect({ status: response.statusCode, body: response.body }).toMatchObject({ status: 404 });
  });
});

describe('a route without a declaration', () => {
  const build = async (register: (app: App) => void) => {
    resources.push(register);
    try {
      const { settings, orm, temporal } = api.app;
      await (await buildApp({ settings, orm, temporal })).close();
    } finally {
      resources.pop();
    }
  };

  test('keeps the app from starting', async () => {
    const undeclared = (app: App) => void app.get('/open', () => 'secrets');
    await expect(build(undeclared)).rejects.toThrow('Routes without config.access: GET /open');
  });

  test('and so does one that would share idempotency keys with everybody', async () => {
    const shared = (app: App) =>
      void app.post('/shared', { config: { access: 'anyone', idempotent: true } }, () => 'done');
    await expect(build(shared)).rejects.toThrow('/shared cannot be idempotent');
  });

  test('every resource is in the list that is tested', () => {
    expect(resources).toContain(creatorProfileRoutes);
    expect(routes.length).toBeGreaterThan(resources.length);
  });
});
