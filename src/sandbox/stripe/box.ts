import { EventFeed } from './event-feed.ts';
import { BalanceBook } from './ledger.ts';
import { StripeState, type SandboxParts, type StripeSettings } from './state.ts';

/** The whole Stripe sandbox, as its endpoints use it. */
export interface Box {
  readonly state: StripeState;
  readonly book: BalanceBook;
  readonly feed: EventFeed;
}

export function createBox(parts: SandboxParts, settings: StripeSettings): Box {
  const state = new StripeState(parts, settings);
  return { state, book: new BalanceBook(state), feed: new EventFeed(state) };
}
