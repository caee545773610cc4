import type { MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { campaignBudget, railAccount } from '../../src/ledger/accounts.ts';
import { post } from '../../src/ledger/post.ts';

export interface CampaignRow {
  budget?: bigint;
  ratePerThousand?: bigint;
  perCreatorCap?: bigint | null;
  metric?: 'views' | 'clicks' | 'likes';
  slots?: number;
  startsAt?: Date;
  endsAt?: Date;
  status?: 'draft' | 'reviewing' | 'published' | 'completed';
  autoApprove?: boolean;
  currency?: string;
  brandId?: string;
}

const DAY_MS = 86_400_000;

/** A campaign as it stands in the database, its budget funded on the ledger. Returns its id. */
export async function addCampaign(orm: MikroORM, row: CampaignRow = {}): Promise<string> {
  const {
    budget = 1_000_000n,
    ratePerThousand = 1000n,
    perCreatorCap = null,
    metric = 'views',
    slots = 100,
    startsAt = new Date(Date.now() - 30 * DAY_MS),
    endsAt = new Date(Date.now() + 30 * DAY_MS),
    status = 'published',
    autoApprove = true,
    currency = 'USD',
  } = row;
  const id = uuidv7();
  await orm.em.fork().transactional(async (em) => {
    const brandId = row.brandId ?? (await addUser(orm));
    await sql`
      insert into campaign (id, brand_id, title, brief, currency, budget, rate_per_thousand, per_creator_cap, metric, platforms, slots,
                            starts_at, ends_at, status, auto_approve, funded)
      values (${id}, ${brandId}, 'Summer', 'Show it', ${currency}, ${budget.toString()}, ${ratePerThousand.toString()},
              ${perCreatorCap?.toString() ?? null}, ${metric}, array['youtube', 'tiktok'], ${slots}, ${startsAt}, ${endsAt}, ${status},
              ${autoApprove}, ${budget.toString()})`.execute(em.getKysely());
    const lines = [
      { account: railAccount('stripe', 'cash', currency), amount: -budget },
      { account: campaignBudget(id, currency), amount: budget },
    ];
    await post(em, [{ type: 'campaign_funded', key: `test:${id}`, lines }], { actor: 'test' });
  });
  return id;
}

async function addUser(orm: MikroORM): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    insert into app_user (email, password_hash, full_name, roles, tier)
    values (${`${uuidv7()}@example.com`}, '-', 'Brand', array['brand'], 'business') returning id`.execute(
    orm.em.fork().getKysely(),
  );
  return rows[0]!.id;
}

export async function addCreator(orm: MikroORM, status = 'active'): Promise<string> {
  const id = uuidv7();
  await sql`insert into creator (id, name, email, status) values (${id}, 'Ada', ${`${id}@example.com`}, ${status})`.execute(
    orm.em.fork().getKysely(),
  );
  return id;
}

export async function addParticipation(
  orm: MikroORM,
  campaignId: string,
  { creatorId, status = 'active' }: { creatorId?: string; status?: string } = {},
): Promise<string> {
  const id = uuidv7();
  const owner = creatorId ?? (await addCreator(orm));
  await sql`
    with added as (
      insert into participation (id, campaign_id, creator_id, status, tracking_code)
      values (${id}, ${campaignId}, ${owner}, ${status}, ${id}) returning campaign_id, status)
    update campaign c set slots_taken = slots_taken + 1 from added where c.id = added.campaign_id and added.status <> 'applied'`.execute(
    orm.em.fork().getKysely(),
  );
  return id;
}

export async function addPost(orm: MikroORM, participationId: string, platform = 'youtube'): Promise<{ url: string }> {
  const postId = uuidv7().replaceAll('-', '');
  const url = `https://youtu.be/${postId}`;
  await sql`insert into post (participation_id, platform, post_id, post_url) values (${participationId}, ${platform}, ${postId}, ${url})`.execute(
    orm.em.fork().getKysely(),
  );
  return { url };
}

export async function setCampaignPolicy(orm: MikroORM, policy: { feeBps: number; holdMs: number }): Promise<void> {
  await sql`update earning_policy set fee_bps = ${policy.feeBps}, hold_ms = ${policy.holdMs} where source_type = 'campaign'`.execute(
    orm.em.fork().getKysely(),
  );
}

/** The ledger's balance of an account, 0 where there is none. */
export async function balanceOf(orm: MikroORM, accountId: string): Promise<bigint> {
  const { rows } = await sql<{ balance: string }>`select balance from ledger_account where id = ${accountId}`.execute(
    orm.em.fork().getKysely(),
  );
  return BigInt(rows[0]?.balance ?? 0);
}
