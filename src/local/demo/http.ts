/** Speaks to the API as any client would. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { property } from '../errors.ts';
import { DemoError } from './errors.ts';

const TRIES = 6;
const FIRST_PAUSE_MS = 250;
/** A limit that ends later than this is not waited for. */
const LONGEST_RETRY_AFTER_SECONDS = 5;

/** A refusal, with its stable code. */
export class ApiError extends DemoError {
  override readonly name = 'ApiError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface Page<Row> {
  data: Row[];
  has_more: boolean;
  next_cursor: string | null;
}

/** Requests on behalf of whoever holds the token; each answer has the form that the caller names. */
export class ApiClient {
  readonly #url: string;
  readonly #token: string | undefined;

  constructor(url: string, token?: string) {
    this.#url = url;
    this.#token = token;
  }

  as(token: string): ApiClient {
    return new ApiClient(this.#url, token);
  }

  get<T>(path: string): Promise<T> {
    return this.#send('GET', path) as Promise<T>;
  }

  post<T>(path: string, body?: object): Promise<T> {
    return this.#send('POST', path, body) as Promise<T>;
  }

  put<T>(path: string, body: object): Promise<T> {
    return this.#send('PUT', path, body) as Promise<T>;
  }

  async delete(path: string): Promise<void> {
    await this.#send('DELETE', path);
  }

  /** All pages of a list. */
  async list<Row>(path: string): Promise<Row[]> {
    const rows: Row[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: Page<Row> = await this.get(`${path}?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      rows.push(...page.data);
      cursor = page.next_cursor;
    }
    return rows;
  }

  /** The key makes it safe to repeat a request whose answer was lost. */
  async #send(method: string, path: string, body?: object): Promise<unknown> {
    const request = {
      method,
      headers: {
        ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
        ...(body && { 'content-type': 'application/json' }),
        ...(method === 'POST' && { 'idempotency-key': randomUUID() }),
      },
      ...(body && { body: JSON.stringify(body) }),
    };
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt === TRIES;
      const response = await answer(this.#url + path, request, last);
      if (response?.ok) return response.status === 204 ? undefined : response.json();
      if (response && (last || !passes(response))) throw await refusal(response, `${method} ${path}`);
      await response?.body?.cancel();
      await sleep(pauseMs(response, attempt));
    }
  }
}

/** None while the API cannot be reached: it may be starting again. */
async function answer(url: string, request: RequestInit, last: boolean): Promise<Response | undefined> {
  try {
    return await fetch(url, request);
  } catch (error) {
    // what fetch throws when it is refused or broken off
    if (property(error, 'name') !== 'TypeError') throw error;
    if (last) throw new DemoError('The API cannot be reached.', { cause: error });
    return undefined;
  }
}

/** Whether the same request may be answered otherwise in a moment. */
function passes({ status, headers }: Response): boolean {
  if (status === 502 || status === 503) return true;
  const retryAfter = headers.get('retry-after');
  return retryAfter !== null && Number(retryAfter) <= LONGEST_RETRY_AFTER_SECONDS;
}

function pauseMs(response: Response | undefined, attempt: number): number {
  const retryAfter = Number(response?.headers.get('retry-after') ?? 0) * 1000;
  return Math.max(retryAfter, FIRST_PAUSE_MS * 2 ** attempt);
}

async function refusal(response: Response, request: string): Promise<ApiError> {
  const text = await response.text();
  const problem = parsed(text);
  const code = typeof problem['code'] === 'string' ? problem['code'] : `http_${response.status}`;
  const detail = typeof problem['detail'] === 'string' ? problem['detail'] : text.slice(0, 200);
  return new ApiError(code, `${request} was refused: ${response.status} ${code}: ${detail}`);
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
