import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ServiceError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, RetryState, WorkflowNotFoundError } from '@temporalio/common';
import { toProblem } from '../../src/api/plugins/errors.ts';
import { buildApp } from '../../src/api/server.ts';
import { openOrm } from '../../src/database/orm.ts';
import { createTestApi, type TestApi } from '../support/api.ts';

interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  request_id: string;
  errors?: { path: string; message: string }[];
}

let api: TestApi;

beforeAll(async () => {
  api = await createTestApi();
});
afterAll(async () => {
  await api.close();
});

describe('every refusal is problem+json', () => {
  const json = { 'content-type': 'application/json' };
  test.each([
    ['an unknown path', 404, 'not_found', { method: 'GET', url: '/api/v1/nothing' }],
    ['an unknown method', 404, 'not_found', { method: 'DELETE', url: '/api/v1/auth/login' }],
    ['a path that cannot be decoded', 400, 'validation_failed', { method: 'GET', url: '/api/v1/creators/%zz' }],
    ['an id that is none', 400, 'validation_failed', { method: 'GET', url: '/api/v1/creators/12' }],
    ['no token', 401, 'unauthenticated', { method: 'GET', url: '/api/v1/auth/me' }],
    [
      'malformed JSON',
      400,
      'validation_failed',
      { method: 'POST', url: '/api/v1/auth/login', headers: json, payload: '{"email"' },
    ],
    [
      'an empty body',
      400,
      'validation_failed',
      { method: 'POST', url: '/api/v1/auth/login', headers: json, payload: '' },
    ],
    ['no body', 400, 'validation_failed', { method: 'POST', url: '/api/v1/auth/login' }],
    [
      'a prototype',
      400,
      'validation_failed',
      { method: 'POST', url: '/api/v1/auth/login', headers: json, payload: '{"__proto__":{}}' },
    ],
    [
      'another content type',
      415,
      'unsupported_media_type',
      { method: 'POST', url: '/api/v1/auth/login', headers: { 'content-type': 'text/csv' }, payload: 'a,b' },
    ],
    [
      'a body too large',
      413,
      'payload_too_large',
      { method: 'POST', url: '/api/v1/auth/login', headers: json, payload: `"${'x'.repeat(20_000)}"` },
    ],
    [
      'a NUL in a text',
      400,
      'validation_failed',
      { method: 'POST', url: '/api/v1/auth/login', payload: { email: 'a\0b', password: 'x' } },
    ],
  ] as const)('%s', async (_name, status, code, request) => {
    const response = await api.app.inject(request);
    expect(response.headers['content-type']).toBe('application/problem+json');
    const problem = response.json<ProblemBody>();
    expect([response.statusCode, problem.status, problem.code]).toEqual([status, status, code]);
    expect(problem).toMatchObject({ type: expect.any(String), title: expect.any(String), detail: expect.any(String) });
    expect(problem.request_id).toBe(response.headers['x-request-id']);
  });

  test('a number is no text and a text no number, in a body; all that is wrong is named', async () => {
    const admin = api.as(await api.user('admin'));
    const response = await admin.post('/api/v1/creators', { name: 7, currency: 'x', nickname: 'y' });
    expect(response.json<ProblemBody>().errors).toEqual([
      { path: 'email', message: 'is required' },
      { path: 'nickname', message: 'is not known' },
      { path: 'name', message: 'must be string' },
      { path: 'currency', message: expect.stringContaining('pattern') },
    ]);
  });

  test('a client may announce JSON and send nothing', async () => {
    const user = await api.user('fan');
    const headers = { authorization: `Bearer ${user.token}`, 'content-type': 'application/json' };
    const logout = await api.app.inject({ method: 'POST', url: '/api/v1/auth/logout', headers, payload: '' });
    expect(logout.statusCode).toBe(204);
  });

  test('the request id of the caller is kept where it is a usable one', async () => {
    const id = async (sent: string) =>
      (await api.as().get('/nothing', { 'x-request-id': sent })).headers['x-request-id'];
    expect(await id('order-7')).toBe('order-7');
    expect(await id('<script>')).not.toBe('<script>');
  });
});

describe('what went wrong behind the API', () => {
  const refusal = ApplicationFailure.nonRetryable('The campaign has no free slot.', 'campaign_full');
  const activity = new ActivityFailure('failed', 'apply', 'a', RetryState.NON_RETRYABLE_FAILURE, 'worker', refusal);

  test.each([
    ['a refusal inside an update', new WorkflowUpdateFailedError('failed', activity), 422, 'campaign_full'],
    ['a workflow that is gone', new WorkflowNotFoundError('gone', 'x', undefined), 404, 'not_found'],
    ['Temporal away', new ServiceError('unavailable'), 503, 'unavailable'],
    ['the database away', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 503, 'unavailable'],
    ['the database starting', Object.assign(new Error('starting up'), { code: '57P03' }), 503, 'unavailable'],
    ['a deadlock', Object.assign(new Error('deadlock detected'), { code: '40P01' }), 503, 'unavailable'],
    ['a bug', new TypeError('x is not a function'), 500, 'internal_error'],
    ['a failure without a code', ApplicationFailure.create({ message: 'boom', type: 'Other' }), 500, 'internal_error'],
    ['something that is no error', 'text', 500, 'internal_error'],
  ])('%s', (_name, error, status, code) => {
    const problem = toProblem(error);
    expect([problem.status, problem.code]).toEqual([status, code]);
    if (status >= 500) expect(problem.message).not.toContain('x is not a function');
  });

  test('with the database away requests get 503 and a time to come back', async () => {
    const orm = await openOrm('postgresql://nobody:nothing@127.0.0.1:9/none', 1);
    const { settings } = api.app;
    const app = await buildApp({ settings, orm, temporal: api.temporal });
    try {
      const login = await app.inject({
        method: 'POST',
        url: '/api/v1/auth/login',
        payload: { email: 'a@b.co', password: 'x' },
      });
      expect([login.statusCode, login.json<ProblemBody>().code]).toEqual([503, 'unavailable']);
      expect(Number(login.headers['retry-after'])).toBeGreaterThan(0);
      const health = await app.inject('/health');
      expect([health.statusCode, health.json()]).toEqual([
        503,
        expect.objectContaining({ status: 'down', postgres: 'down' }),
      ]);
    } finally {
      await app.close();
      await orm.close(true);
    }
  });
});

test('with Temporal away the API works and says what is missing', async () => {
  const own = await createTestApi({ temporal: { ...api.app.settings.temporal, address: '127.0.0.1:9' } });
  try {
    const health = await own.as().get('/health');
    expect([health.statusCode, health.json()]).toEqual([
      503,
      { status: 'down', postgres: 'ok', temporal: 'down', workers: 'down' },
    ]);
    expect((await own.as(await own.user('fan')).get('/api/v1/auth/me')).statusCode).toBe(200);
  } finally {
    await own.close();
  }
});
