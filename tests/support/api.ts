import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import type { LightMyRequestResponse } from 'fastify';
import { sql } from 'kysely';
import { buildApp, type App } from '../../src/api/server.ts';
import { loadSettings, type Settings } from '../../src/config.ts';
import { insertApiKey } from '../../src/database/api-keys.ts';
import { startingTier, type Role, type Scope, type Tier } from '../../src/domain/roles.ts';
import { connectTemporal } from '../../src/temporal.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';

export interface TestUser {
  id: string;
  email: string;
  roles: Role[];
  sessionId: string;
  /** A valid access token. */
  token: string;
  creatorId: string | null;
}

type Send = (url: string, headers?: Record<string, string>) => Promise<LightMyRequestResponse>;
type SendBody = (url: string, body?: object, headers?: Record<string, string>) => Promise<LightMyRequestResponse>;

/** Sends requests as one caller. `(await caller.get('/path')).json<{ id: string }>()` reads the answer. */
export interface Caller {
  get: Send;
  delete: Send;
  post: SendBody;
  put: SendBody;
  patch: SendBody;
}

export interface TestApi {
  app: App;
  database: TestDatabase;
  temporal: Client;
  /** A new user with these roles, signed in; a creator has its profile. */
  user: (roles: Role | Role[], options?: { tier?: Tier }) => Promise<TestUser>;
  /** A new key with these scopes. */
  apiKey: (...scopes: Scope[]) => Promise<string>;
  /** As a user, with a token or an API key, or as nobody. */
  as: (caller?: TestUser | string) => Caller;
  close: () => Promise<void>;
}

/** The code of a refusal. */
export function codeOf(response: LightMyRequestResponse): string {
  return response.json<{ code: string }>().code;
}

const testEnvironment = {
  JWT_SECRET: 'only-for-tests-only-for-tests-only',
  STRIPE_SECRET_KEY: 'sk_test_only_for_tests',
  RATE_LIMIT_FACTOR: '0',
  ENCRYPTION_KEYS: `test:${Buffer.alloc(32, 1).toString('base64')}`,
  TEMPORAL_ADDRESS: process.env['TEST_TEMPORAL_ADDRESS'],
};

/** The API on a database of its own, for requests through `inject`; rate limits are off unless `changes` sets a factor. */
export async function createTestApi(changes: Partial<Settings> = {}): Promise<TestApi> {
  const database = await createTestDatabase();
  const settings = { ...loadSettings(testEnvironment), databaseUrl: database.urls.app, ...changes };
  const temporal = await connectTemporal(settings, { lazy: true });
  const app = await buildApp({ settings, orm: database.orm, temporal: temporal.client });
  return {
    app,
    database,
    temporal: temporal.client,
    user: (roles, options) => createUser(app, [roles].flat(), options),
    apiKey: (...scopes) => createApiKey(app, scopes),
    as: (caller) => callerOf(app, typeof caller === 'object' ? caller.token : caller),
    close: async () => {
      await app.close();
      await temporal.close();
      await database.close();
    },
  };
}

async function createUser(app: App, roles: Role[], options: { tier?: Tier } = {}): Promise<TestUser> {
  const email = `${roles.join('-')}-${randomUUID()}@example.com`;
  const tier = options.tier ?? (roles.includes('brand') ? startingTier.brand : startingTier.creator);
  const { rows } = await sql<{ id: string; sessionId: string; creatorId: string | null }>`
    with added as (
      insert into app_user (email, password_hash, full_name, roles, tier)
      values (${email}, 'cannot sign in with a password', ${`Test ${roles.join(' ')}`}, ${roles}, ${tier}) returning id, email, full_name),
    session as (
      insert into user_session (user_id, token_hash, expires_at) select id, '\\x00', now() + interval '1 day' from added returning id),
    profile as (
      insert into creator (user_id, name, email) select id, full_name, email from added where ${roles.includes('creator')} returning id)
    select added.id, session.id as "sessionId", profile.id as "creatorId" from added cross join session left join profile on true
  `.execute(app.orm.em.fork().getKysely());
  const { id, sessionId, creatorId } = rows[0]!;
  return { id, email, roles, sessionId, creatorId, token: app.jwt.sign({ sub: id, sid: sessionId }) };
}

async function createApiKey(app: App, scopes: Scope[]): Promise<string> {
  const { key } = await insertApiKey(app.orm.em.fork(), { name: 'test', scopes, createdBy: 'test' });
  return key;
}

function callerOf(app: App, token: string | undefined): Caller {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const bare =
    (method: 'GET' | 'DELETE'): Send =>
    (url, headers = {}) =>
      app.inject({ method, url, headers: { ...authorization, ...headers } });
  const withBody =
    (method: 'POST' | 'PUT' | 'PATCH'): SendBody =>
    (url, body, headers = {}) =>
      app.inject({ method, url, headers: { ...authorization, ...headers }, ...(body && { payload: body }) });
  return {
    get: bare('GET'),
    delete: bare('DELETE'),
    post: withBody('POST'),
    put: withBody('PUT'),
    patch: withBody('PATCH'),
  };
}
