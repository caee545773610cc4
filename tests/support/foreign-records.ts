import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { TestApi } from './api.ts';

/** An id for each kind of record, by the word before the parameter in a path: all of one creator's and one brand's. */
export async function insertForeignRecords(api: TestApi): Promise<Record<string, string>> {
  const [creator, brand] = [await api.user('creator'), await api.user('brand')];
  const creatorId = creator.creatorId!;
  const ids = { campaign: randomUUID(), participation: randomUUID(), earning: randomUUID(), payout: randomUUID() };
  const kysely = api.database.orm.em.fork().getKysely();
  await sql`
    insert into campaign (id, brand_id, title, brief, currency, budget, rate_per_thousand, metric, platforms, slots, starts_at, ends_at)
    values (${ids.campaign}, ${brand.id}, 'Theirs', 'Theirs', 'USD', 1000, 150, 'views', '{youtube}', 1, now(), now() + interval '1 day')
  `.execute(kysely);
  await sql`
    insert into participation (id, campaign_id, creator_id, status, tracking_code)
    values (${ids.participation}, ${ids.campaign}, ${creatorId}, 'applied', ${ids.participation})`.execute(kysely);
  await sql`
    insert into earning (id, creator_id, source_type, source_id, source_event, gross, fee, net, currency, status, rules_version,
                         earned_at, release_at)
    values (${ids.earning}, ${creatorId}, 'campaign', ${ids.participation}, ${ids.earning}, 100, 0, 100, 'USD', 'pending', 1, now(), now())
  `.execute(kysely);
  await sql`
    insert into payout (id, creator_id, request_key, status, amount, currency, method, requested_by)
    values (${ids.payout}, ${creatorId}, ${ids.payout}, 'failed', 100, 'USD', 'stripe', 'test')`.execute(kysely);
  return {
    creators: creatorId,
    campaigns: ids.campaign,
    participations: ids.participation,
    earnings: ids.earning,
    payouts: ids.payout,
  };
}
