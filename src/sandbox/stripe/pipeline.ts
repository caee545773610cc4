/**
 * What every API request goes through: journal, key, account, rate limit, faults, idempotency, execution. Nothing is
 * answered before the change log has it.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { OUTCOME_FAULTS, delayOf, type Fault } from '../faults.ts';
import { newId } from '../ids.ts';
import type { Effect, JournalEntry } from '../journal.ts';
import { RateLimiter } from '../rate-limiter.ts';
import { accountOf } from './account-changes.ts';
import type { Box } from './box.ts';
import { StripeFailure } from './errors.ts';
import { API_VERSION } from './event-feed.ts';
import { checkExpansions, expandAll } from './expand.ts';
import { decodeForm, type ParamTree } from './form.ts';
import { IdempotencyKeys, type KeyedRequest } from './idempotency.ts';
import { Params } from './params.ts';
import { PLATFORM_ACCOUNT, type Call, type Endpoint } from './state.ts';

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
  effect: Effect | null;
}

/** A request as it arrived. */
interface Incoming {
  http: FastifyRequest;
  endpoint: Endpoint;
  requestId: string;
  path: string;
  account: string;
  key: string | undefined;
  form: string;
  tree: ParamTree;
  entry: JournalEntry;
}

const UNKNOWN_ERROR = 'An unknown error occurred.';

export class Pipeline {
  readonly #box: Box;
  readonly #keys: IdempotencyKeys;
  readonly #limiter: RateLimiter;

  constructor(box: Box) {
    this.#box = box;
    this.#keys = new IdempotencyKeys(box.state);
    this.#limiter = new RateLimiter(box.state.settings.rateLimit);
  }

  async serve(endpoint: Endpoint, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { faults, journal, log } = this.#box.state.parts;
    const incoming = this.#receive(endpoint, request);
    const { entry, path, requestId } = incoming;
    const settle = async (effect: Effect | null) => {
      journal.settle(entry, effect);
      await log.written();
    };
    let fault: Fault | undefined;
    let answer: Answer;
    try {
      this.#admit(incoming);
      fault = faults.take('stripe', path, OUTCOME_FAULTS, request.method);
      if (fault?.kind === 'drop' || fault?.kind === 'timeout_before') {
        await settle(null);
        await this.#lose(reply, fault);
        return;
      }
      answer = await this.#answer(incoming, fault, settle);
    } catch (error) {
      answer = failed(asFailure(error, request));
      await settle(null);
    }
    if (fault?.kind === 'timeout_after') {
      await this.#lose(reply, fault);
      return;
    }
    reply.code(answer.status).headers({ ...headersOf(incoming, requestId), ...answer.headers });
    void reply.send(answer.body);
  }

  #receive(endpoint: Endpoint, http: FastifyRequest): Incoming {
    const [path = '', query = ''] = http.url.split('?', 2);
    const form = typeof http.body === 'string' ? http.body : '';
    const queryTree = decodeForm(query);
    const formTree = decodeForm(form);
    const key = http.method === 'POST' ? header(http, 'idempotency-key') : undefined;
    const account = header(http, 'stripe-account') ?? header(http, 'stripe-context');
    const entry = this.#box.state.parts.journal.open({
      provider: 'stripe',
      method: http.method,
      path,
      query: query === '' ? null : queryTree,
      account: account ?? null,
      idempotency_key: key ?? null,
      body: form === '' ? null : formTree,
    });
    return {
      http,
      endpoint,
      requestId: newId('req_', 14),
      path,
      account: account === undefined || account === PLATFORM_ACCOUNT ? '' : account,
      key,
      form,
      tree: { ...queryTree, ...formTree },
      entry,
    };
  }

  /** @throws StripeFailure for what Stripe turns away at the door */
  #admit({ http, endpoint, account }: Incoming): void {
    checkKey(http);
    if (account !== '') accountOf(this.#box, account);
    if (!this.#limiter.take(`${endpoint.method} ${endpoint.path}`)) throw tooMany();
  }

  async #answer(
    incoming: Incoming,
    fault: Fault | undefined,
    settle: (effect: Effect | null) => Promise<void>,
  ): Promise<Answer> {
    if (fault?.kind === 'rate_limited') throw tooMany();
    const { scheduler, faults } = this.#box.state.parts;
    const { http, path, account, key, form, requestId } = incoming;
    const keyed: KeyedRequest | undefined =
      key === undefined ? undefined : { account, key, endpoint: `${http.method} ${path}`, params: form };
    const slow = faults.take('stripe', path, ['slow'], http.method);
    const kept = keyed && this.#keys.claim(keyed);
    try {
      if (slow) await scheduler.sleep(delayOf(slow));
      if (fault?.kind === 'error_500') {
        const answer = failed(serverError(http.method));
        if (keyed && !kept) this.#keys.keep(keyed, { ...answer, requestId });
        await settle(null);
        return answer;
      }
      if (kept) {
        await settle(null);
        const headers = { 'idempotent-replayed': 'true', 'original-request': kept.requestId };
        return { status: kept.status, headers, body: kept.body, effect: null };
      }
      const answer = this.#execute(incoming, keyed);
      await settle(answer.effect);
      return answer;
    } finally {
      if (keyed && !kept) this.#keys.release(keyed);
    }
  }

  /** Runs the endpoint and keeps its answer, in one go. */
  #execute(incoming: Incoming, keyed: KeyedRequest | undefined): Answer {
    const { endpoint, http, requestId, account, key, tree } = incoming;
    const params = new Params(tree);
    let answer: Answer;
    try {
      const expansions = params.list('expand') ?? [];
      checkExpansions(expansions);
      const call: Call = {
        account,
        params,
        path: http.params as Record<string, string>,
        request: { id: requestId, idempotency_key: key ?? null },
        origin: `${http.protocol}://${http.host}`,
        effect: null,
      };
      const result = endpoint.run(call);
      const body = JSON.stringify(expansions.length > 0 ? expandAll(this.#box, result, expansions) : result);
      answer = { status: 200, headers: {}, body, effect: call.effect };
    } catch (error) {
      const failure = asFailure(error, http);
      if (!failure.executed) throw failure;
      answer = failed(failure);
    }
    if (keyed) this.#keys.keep(keyed, { status: answer.status, body: answer.body, requestId });
    return answer;
  }

  /** Never answers: waits as the fault says and drops the connection. */
  async #lose(reply: FastifyReply, fault: Fault): Promise<void> {
    reply.hijack();
    const wait = delayOf(fault);
    if (wait > 0) await this.#box.state.parts.scheduler.sleep(wait);
    reply.raw.destroy();
  }
}

function failed({ status, headers, body }: StripeFailure): Answer {
  return { status, headers, body: JSON.stringify(body), effect: null };
}

function asFailure(error: unknown, request: FastifyRequest): StripeFailure {
  if (error instanceof StripeFailure) return error;
  request.log.error(error);
  return serverError(request.method);
}

function serverError(method: string): StripeFailure {
  const retry = method === 'POST' ? 'false' : 'true';
  return new StripeFailure(UNKNOWN_ERROR, {
    status: 500,
    type: 'api_error',
    headers: { 'stripe-should-retry': retry },
  });
}

function tooMany(): StripeFailure {
  return new StripeFailure(
    'Request rate limit exceeded. Learn more about rate limits: https://docs.stripe.com/rate-limits.',
    {
      status: 429,
      code: 'rate_limit',
      headers: { 'stripe-rate-limited-reason': 'endpoint-rate' },
      executed: false,
    },
  );
}

function checkKey(request: FastifyRequest): void {
  const authorization = header(request, 'authorization') ?? '';
  const [scheme = '', credentials = ''] = authorization.split(' ', 2);
  // curl -u sk_test_…: sends the key as a user name
  const key = scheme === 'Basic' ? Buffer.from(credentials, 'base64').toString().split(':', 1)[0]! : credentials;
  if (/^(sk|rk)_test_\w+$/.test(key)) return;
  const message =
    key === ''
      ? 'You did not provide an API key. Send it in the Authorization header, using Bearer auth.'
      : `Invalid API Key provided: ${key.slice(0, 8)}****. The sandbox takes test keys (sk_test_…) only.`;
  throw new StripeFailure(message, { status: 401, executed: false });
}

function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? undefined;
}

function headersOf({ account, key }: Incoming, requestId: string): Record<string, string> {
  return {
    'content-type': 'application/json',
    'request-id': requestId,
    'stripe-version': API_VERSION,
    ...(key === undefined ? {} : { 'idempotency-key': key }),
    ...(account === '' ? {} : { 'stripe-account': account }),
  };
}
