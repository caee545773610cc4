import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { enter, type Access, type Person } from './access.ts';
import { DemoError } from './errors.ts';
import type { Channel } from './expected.ts';
import type { ApiClient } from './http.ts';
import { until } from './wait.ts';

/** Enough to keep the provider's rate used while the others wait for answers. */
const AT_ONCE = 24;
/** About as long as the provider's word takes. */
const WEBHOOK_MS = 500;
const ACTIVATION_MS = 180_000;

/** A channel with its login and its account at the provider. */
export interface Creator {
  channel: Channel;
  api: ApiClient;
  id: string;
  accountId: string;
}

interface AccountStatus {
  account_id: string | null;
  status: string;
}

interface Arrival {
  inputId: string;
  /** An earlier run began with the same input. */
  known: boolean;
  say: (state: string) => void;
}

/** Registers every channel and opens its account with the provider, who reports by webhook that money can be sent to it. */
export async function registerCreators(
  access: Access,
  channels: Channel[],
  { inputId, known, say }: Arrival,
): Promise<Creator[]> {
  const limit = pLimit(AT_ONCE);
  let ready = 0;
  const register = async (channel: Channel): Promise<Creator> => {
    const newcomer = { email: emailOf(channel, inputId), full_name: channel.name, role: 'creator' as const };
    const { creator, isActive } = await limit(async () => {
      const person = await enter(access, newcomer, known);
      return openAccount(access, channel, person, known);
    });
    if (!isActive) await becomesActive(creator);
    ready += 1;
    say(`${ready} of ${channels.length}`);
    return creator;
  };
  return Promise.all(channels.map(register));
}

function emailOf({ name }: Channel, inputId: string): string {
  return `${createHash('sha256').update(name).digest('hex').slice(0, 16)}@${inputId}.example`;
}

async function openAccount(
  { sandbox }: Access,
  channel: Channel,
  { api, creatorId: id }: Person,
  known: boolean,
): Promise<{ creator: Creator; isActive: boolean }> {
  if (id === null) throw new DemoError(`${channel.name} has no creator profile.`);
  const found = known ? await accountOf(api) : undefined;
  const accountId = found?.account_id ?? (await onboard(api));
  const isActive = found?.status === 'active';
  if (!isActive) await sandbox.completeOnboarding(accountId);
  return { creator: { channel, api, id, accountId }, isActive };
}

function accountOf(api: ApiClient): Promise<AccountStatus> {
  return api.get<AccountStatus>('/api/v1/accounts/status');
}

async function onboard(api: ApiClient): Promise<string> {
  const { account_id: id } = await api.post<{ account_id: string }>('/api/v1/accounts/onboard', {});
  return id;
}

async function becomesActive({ api, channel }: Creator): Promise<void> {
  const isActive = async () => (await accountOf(api)).status === 'active' || undefined;
  const what = `the payment account of ${channel.name} to become active`;
  await sleep(WEBHOOK_MS);
  await until(isActive, { what, firstPauseMs: WEBHOOK_MS, giveUpAfterMs: ACTIVATION_MS });
}
