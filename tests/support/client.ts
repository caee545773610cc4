/** A client of the running product, as anybody outside would write one. */
export interface ApiAnswer<T> {
  status: number;
  body: T;
  headers: Headers;
}

export class ApiClient {
  readonly #url: string;
  readonly #token: string | undefined;

  constructor(url: string, token?: string) {
    this.#url = url;
    this.#token = token;
  }

  /** The same client with somebody's token or API key. */
  as(token: string): ApiClient {
    return new ApiClient(this.#url, token);
  }

  get<T>(path: string): Promise<ApiAnswer<T>> {
    return this.#send('GET', path);
  }

  post<T>(path: string, body?: object, headers: Record<string, string> = {}): Promise<ApiAnswer<T>> {
    return this.#send('POST', path, body, headers);
  }

  put<T>(path: string, body: object): Promise<ApiAnswer<T>> {
    return this.#send('PUT', path, body);
  }

  async #send<T>(
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<ApiAnswer<T>> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: {
        ...(body && { 'content-type': 'application/json' }),
        ...(this.#token && { authorization: `Bearer ${this.#token}` }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text ? JSON.parse(text) : null) as T, headers: response.headers };
  }
}

/** Asks again until the answer satisfies, and fails with the last one after `ms`. */
export async function until<T>(ask: () => Promise<T>, good: (answer: T) => boolean, ms = 30_000): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (good(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`still not so after ${ms} ms: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}
