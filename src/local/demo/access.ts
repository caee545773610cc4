import { createHmac } from 'node:crypto';
import type { MikroORM } from '@mikro-orm/postgresql';
import type { Client } from '@temporalio/client';
import { loadSettings, type Settings } from '../../config.ts';
import { openOrm } from '../../database/orm.ts';
import { databaseUrls } from '../../database/url.ts';
import { connectTemporal } from '../../temporal.ts';
import { ApiClient, ApiError } from './http.ts';
import { Sandbox } from './sandbox.ts';

/** How the main job reaches everything that it works with. */
export interface Access {
  admin: ApiClient;
  /** With a key that may register people and report counts. */
  service: ApiClient;
  sandbox: Sandbox;
  temporal: Client;
  /** To read and verify the ledger; the main job writes nothing there. */
  orm: MikroORM;
  settings: Settings;
}

export interface AccessOptions {
  apiUrl: string;
  sandboxUrl: string;
  admin: { email: string; password: string };
  env: NodeJS.ProcessEnv;
}

/** Signs in, lends a service key and closes everything afterwards. */
export async function withAccess<T>(options: AccessOptions, work: (access: Access) => Promise<T>): Promise<T> {
  const settings = loadSettings(options.env);
  const api = new ApiClient(options.apiUrl);
  const { access_token: token } = await api.post<Signed>('/api/v1/auth/login', options.admin);
  const admin = api.as(token);
  const scopes = ['metrics:write', 'users:register'];
  const key = await admin.post<{ id: string; key: string }>('/api/v1/admin/api-keys', { name: 'Main job', scopes });
  const temporal = await connectTemporal(settings);
  const orm = await openOrm(databaseUrls(settings).app, 2);
  const sandbox = new Sandbox(options.sandboxUrl, settings.stripe.secretKey);
  try {
    const service = api.as(key.key);
    return await work({ admin, service, sandbox, temporal: temporal.client, orm, settings });
  } finally {
    await admin.delete(`/api/v1/admin/api-keys/${key.id}`);
    await orm.close(true);
    await temporal.close();
  }
}

interface Signed {
  access_token: string;
  user: { creator_id: string | null };
}

export interface Person {
  api: ApiClient;
  creatorId: string | null;
}

export interface Newcomer {
  email: string;
  full_name: string;
  role: 'brand' | 'creator';
}

/**
 * Registers somebody, or signs them in where an earlier run did. Their password follows from the installation's secret, so nobody
 * has to keep it. The service key counts against the limits, not this machine's address.
 *
 * @param known they are expected to be registered; right or wrong, the result is the same
 */
export async function enter({ service, settings }: Access, newcomer: Newcomer, known: boolean): Promise<Person> {
  const { email } = newcomer;
  const password = createHmac('sha256', settings.jwtSecret).update(email).digest('base64url');
  const register = () => service.post<Signed>('/api/v1/auth/register', { ...newcomer, password });
  const login = () => service.post<Signed>('/api/v1/auth/login', { email, password });
  const { access_token: token, user } = await (known
    ? unlessRefused(login, 'unauthenticated', register)
    : unlessRefused(register, 'email_taken', login));
  return { api: service.as(token), creatorId: user.creator_id };
}

/** What `ask` gives, or `otherwise` where it was refused with `code`. */
export async function unlessRefused<T>(ask: () => Promise<T>, code: string, otherwise: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof ApiError && error.code === code)) throw error;
    return otherwise();
  }
}
