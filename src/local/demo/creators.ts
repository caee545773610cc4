import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import { enter, type Access, type Person } from './access.ts';
import { DemoError } from './errors.ts';
import type { Channel } from './expected.ts';
import type { ApiClient } from './http.ts';
import { until } from './wait.ts';

/** Enough to keep the provider's rate used while the others wait for answers. */
const AT_ONCE = 24;
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

/** Registers every channel and opens its account with the provider, who reports by webhook that money can be sent to it. */
export async function registerCreators(
  access: Access,
  channels: Channel[],
  options: { inputId: string; known: boolean; say: (state: string) => void },
): Promise<Creator[]> {
  const limit = pLimit(AT_ONCE);
  let ready = 0;
  return Promise.all(
    channels.map(async (channel) => {
      const creator = await limit(async () => {
        const newcomer = {
          email: emailOf(channel, options.inputId),
          full_name: channel.name,
          role: 'creator' as const,
        };
        return openAccount(access, channel, await enter(access, newcomer, options.known));
      });
      await becomesActive(creator);
      ready += 1;
      options.say(`${ready} of ${channels.length}`);
      return creator;
    }),
  );
}

function emailOf({ name }: Channel, inputId: string): string {
  return `${createHash('sha256').update(name).digest('hex').slice(0, 16)}@${inputId}.example`;
}

async function openAccount({ sandbox }: Access, channel: Channel, { api, creatorId }: Person): Promise<Creator> {
  if (creatorId === null) throw new DemoError(`${channel.name} has no creator profile.`);
  const found = await api.get<AccountStatus>('/api/v1/accounts/status');
  const accountId = found.account_id ?? (await onboard(api));
  if (found.status !== 'active') await sandbox.completeOnboarding(accountId);
  return { channel, api, id: creatorId, accountId };
}

async function onboard(api: ApiClient): Promise<string> {
  const { account_id: id } = await api.post<{ account_id: string }>('/api/v1/accounts/onboard', {});
  return id;
}

async function becomesActive({ api, channel }: Creator): Promise<void> {
  const isActive = async () => {
    const { status } = await api.get<AccountStatus>('/api/v1/accounts/status');
    return status === 'active' || undefined;
  };
  const what = `the payment account of ${channel.name} to become active`;
  await until(isActive, { what, firstPauseMs: 500, giveUpAfterMs: ACTIVATION_MS });
}
