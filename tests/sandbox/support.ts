import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Stripe from 'stripe';
import type { JournalEntry } from '../../src/sandbox/journal.ts';
import { startSandbox } from '../../src/sandbox/server.ts';
import type { SandboxSettings } from '../../src/sandbox/settings.ts';

export interface TestSandbox {
  url: string;
  dataDir: string;
  stripe: Stripe;
  /** Calls a control and returns its body. Throws unless it answers 2xx. */
  control: (method: string, path: string, body?: object) => Promise<unknown>;
  journal: () => Promise<JournalEntry[]>;
  /** A connected account that can be paid. */
  payee: (accountNumber?: string) => Promise<string>;
  /** Closes it and starts another one on the same folder. */
  restart: (options?: Partial<SandboxSettings>) => Promise<TestSandbox>;
  close: () => Promise<void>;
}

/** A sandbox on a free port and its own folder, with no rate limit and quick payouts unless told otherwise. */
export async function openSandbox(options: Partial<SandboxSettings> = {}): Promise<TestSandbox> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'stipend-sandbox-'));
  const defaults = { port: 0, logLevel: 'silent', stripeRateLimit: 0, payoutDelayMs: 20 } as const;
  const { url, close } = await startSandbox({ ...defaults, ...options, dataDir });
  const stripe = stripeClient(url);

  const control = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${url}/_sandbox${path}`, {
      method,
      ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  };

  return {
    url,
    dataDir,
    stripe,
    control,
    journal: async () => ((await control('GET', '/journal?provider=stripe')) as { data: JournalEntry[] }).data,
    payee: async (accountNumber) => {
      const { id } = await stripe.accounts.create({
        type: 'express',
        country: 'US',
        capabilities: { transfers: { requested: true } },
      });
      const body = accountNumber === undefined ? undefined : { account_number: accountNumber };
      await control('POST', `/stripe/accounts/${id}/complete`, body);
      return id;
    },
    restart: async (changed = {}) => {
      await close();
      return openSandbox({ ...options, ...changed, dataDir });
    },
    close: async () => {
      await close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

export function stripeClient(url: string, options: Partial<Stripe.StripeConfig> = {}): Stripe {
  const { hostname, port } = new URL(url);
  const base = { host: hostname, port, protocol: 'http', maxNetworkRetries: 0, telemetry: false } as const;
  return new Stripe('sk_test_sandbox', { ...base, ...options });
}

/** The error that a call to Stripe ends with. */
export async function errorOf(call: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError) return error;
    throw error;
  }
  throw new Error('the call succeeded');
}

/** Asks until the answer is there. */
export async function eventually<T>(ask: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export interface Received {
  headers: IncomingHttpHeaders;
  body: string;
  event: Stripe.Event;
}

export interface Sink {
  url: string;
  received: Received[];
  /** Resolves with the first `count` that fit. */
  waitFor: (fits: (event: Stripe.Event) => boolean, count?: number) => Promise<Received[]>;
  /** Answers of the next requests; after them 200. */
  answers: number[];
  close: () => Promise<void>;
}

/** A real receiver of webhooks. */
export async function openSink(): Promise<Sink> {
  const received: Received[] = [];
  const answers: number[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      received.push({ headers: request.headers, body, event: JSON.parse(body) as Stripe.Event });
      response.statusCode = answers.shift() ?? 200;
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/stripe`,
    received,
    waitFor: (fits, count = 1) =>
      eventually(() => {
        const found = received.filter(({ event }) => fits(event));
        return found.length >= count ? found : undefined;
      }),
    answers,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

export function ofType(type: string): (event: Stripe.Event) => boolean {
  return (event) => event.type === type;
}
