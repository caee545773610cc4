/** The sandbox's settings, each from an environment variable. */
import { parseDuration } from '../domain/durations.ts';

export interface SandboxSettings {
  port: number;
  host: string;
  /** The sandbox keeps its state in the folder `sandbox` of this one. */
  dataDir: string;
  /** What the server logs: warnings, or nothing. */
  logLevel: 'warn' | 'silent';
  /** From a bank payout's creation until the bank has decided. */
  payoutDelayMs: number;
  /** Stripe: requests per second and endpoint; 0: unlimited. */
  stripeRateLimit: number;
  /** Stripe: what the platform starts with in every currency, in minor units. */
  platformBalance: number;
  /** Stripe: where events go; none are sent without it. */
  stripeWebhook: { url: string; secret: string; events: string[] } | undefined;
}

export const DEFAULTS: Omit<SandboxSettings, 'dataDir'> = {
  port: 4010,
  host: '127.0.0.1',
  logLevel: 'warn',
  payoutDelayMs: 1000,
  stripeRateLimit: 25,
  platformBalance: 1_000_000_000_000,
  stripeWebhook: undefined,
};

type Env = Record<string, string | undefined>;

/** @throws Error with one sentence for the first broken value */
export function loadSandboxSettings(env: Env = process.env): SandboxSettings {
  const text = (name: string) => env[name]?.trim() || undefined;
  return {
    ...DEFAULTS,
    port: wholeNumber('SANDBOX_PORT', text('SANDBOX_PORT'), DEFAULTS.port, 65_535),
    host: text('HOST') ?? DEFAULTS.host,
    dataDir: text('DATA_DIR') ?? '.stipend',
    payoutDelayMs: duration('SANDBOX_PAYOUT_DELAY', text('SANDBOX_PAYOUT_DELAY'), DEFAULTS.payoutDelayMs),
    stripeRateLimit: wholeNumber(
      'SANDBOX_STRIPE_RATE_LIMIT',
      text('SANDBOX_STRIPE_RATE_LIMIT'),
      DEFAULTS.stripeRateLimit,
      1_000_000,
    ),
    platformBalance: wholeNumber(
      'SANDBOX_PLATFORM_BALANCE',
      text('SANDBOX_PLATFORM_BALANCE'),
      DEFAULTS.platformBalance,
      Number.MAX_SAFE_INTEGER,
    ),
    stripeWebhook: webhook(
      text('SANDBOX_STRIPE_WEBHOOK_URL'),
      text('STRIPE_WEBHOOK_SECRET'),
      text('SANDBOX_STRIPE_WEBHOOK_EVENTS') ?? '*',
    ),
  };
}

function wholeNumber(name: string, raw: string | undefined, fallback: number, most: number): number {
  if (raw === undefined) return fallback;
  if (/^\d{1,16}$/.test(raw) && Number(raw) <= most) return Number(raw);
  throw new Error(`${name} must be a whole number up to ${most}: "${raw}"`);
}

function duration(name: string, raw: string | undefined, fallback: number): number {
  const ms = raw === undefined ? fallback : parseDuration(raw);
  if (ms === undefined) throw new Error(`${name} must be a duration such as 5s or 250ms: "${raw ?? ''}"`);
  return ms;
}

/** Of several secrets, as they are while one is rotated, the first signs. */
function webhook(
  url: string | undefined,
  secrets: string | undefined,
  events: string,
): SandboxSettings['stripeWebhook'] {
  if (url === undefined) return undefined;
  if (!URL.canParse(url)) throw new Error(`SANDBOX_STRIPE_WEBHOOK_URL is not a URL: "${url}"`);
  const secret = secrets?.split(',')[0]?.trim();
  if (!secret) throw new Error('SANDBOX_STRIPE_WEBHOOK_URL needs STRIPE_WEBHOOK_SECRET to sign events');
  return { url, secret, events: events.split(',').map((event) => event.trim()) };
}
