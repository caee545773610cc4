import { DemoError } from './errors.ts';

interface JournalEntry {
  seq: number;
  account: string | null;
  effect: { type: string; id: string; amount: number; currency: string | null } | null;
}

const PAGE = 5000;

/** The controls of the provider sandbox and its own record of what was paid. */
export class Sandbox {
  readonly #url: string;
  readonly #secretKey: string;

  constructor(url: string, secretKey: string) {
    this.#url = url;
    this.#secretKey = secretKey;
  }

  /** What the account's owner does on Stripe's pages. */
  async completeOnboarding(accountId: string): Promise<void> {
    await this.#send(`/_sandbox/stripe/accounts/${accountId}/complete`, { method: 'POST' });
  }

  /** Minor units that went to the bank of each account, by the provider's journal. */
  async bankPayouts(): Promise<Map<string, bigint>> {
    const totals = new Map<string, bigint>();
    for await (const { account, effect } of this.#journal()) {
      if (account === null || effect === null) continue;
      const sign = { payout: 1n, payout_cancel: -1n }[effect.type] ?? 0n;
      totals.set(account, (totals.get(account) ?? 0n) + sign * BigInt(effect.amount));
    }
    return totals;
  }

  /** Minor units that banks sent back to an account's balance: its payouts that failed. */
  async returnedByBank(accountId: string): Promise<bigint> {
    const headers = { authorization: `Bearer ${this.#secretKey}`, 'stripe-account': accountId };
    const path = '/v1/payouts?status=failed&limit=100';
    const { data } = (await this.#send(path, { headers })) as { data: { amount: number }[] };
    return data.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
  }

  async *#journal(): AsyncGenerator<JournalEntry> {
    for (let after = 0; ;) {
      const path = `/_sandbox/journal?provider=stripe&after=${after}&limit=${PAGE}`;
      const { data } = (await this.#send(path)) as { data: JournalEntry[] };
      yield* data;
      if (data.length < PAGE) return;
      after = data.at(-1)!.seq;
    }
  }

  async #send(path: string, init: RequestInit = {}): Promise<unknown> {
    const response = await fetch(this.#url + path, init);
    if (response.ok) return response.json();
    throw new DemoError(`The sandbox refused ${path}: ${response.status} ${await response.text()}`);
  }
}
