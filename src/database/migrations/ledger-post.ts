/**
 * `ledger_post`: the only way in for the application's role. Any number of entries in one call:
 * headers first (a key seen before with the same hash is a replay and changes nothing), then the accounts locked in a fixed
 * order with the unguarded, busy ones last, then postings with running balances and the balances themselves in one statement.
 *
 * Lines refer to entries and accounts by their position (from 1) in the other arrays.
 */
export const ledgerPost = `
create function ledger_post(
  p_entry_ids uuid[], p_types text[], p_keys text[], p_hashes bytea[], p_reverses uuid[], p_effective timestamptz[],
  p_correlations text[], p_actor text, p_workflow text,
  p_account_ids uuid[], p_books text[], p_owner_types text[], p_owner_ids uuid[], p_rails text[], p_kinds text[], p_currencies text[],
  p_line_entries int[], p_line_numbers int[], p_line_accounts int[], p_line_amounts bigint[]
) returns table (idempotency_key text, entry_id uuid, replayed boolean)
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  fresh bigint;
  locked bigint;
  all_fresh boolean;
  wrong record;
begin
  insert into journal_entry (id, type, idempotency_key, request_hash, reverses_id, effective_at, actor, workflow_id, correlation_id)
    select e.id, e.type, e.key, e.hash, e.reverses, coalesce(e.effective, now()), p_actor, p_workflow, e.correlation
      from unnest(p_entry_ids, p_types, p_keys, p_hashes, p_reverses, p_effective, p_correlations)
        as e (id, type, key, hash, reverses, effective, correlation)
    on conflict on constraint journal_entry_idempotency_key do nothing;
  get diagnostics fresh = row_count;
  all_fresh := fresh = cardinality(p_entry_ids);

  if not all_fresh then
    select e.key into wrong from unnest(p_keys, p_hashes) as e (key, hash)
      join journal_entry j on j.idempotency_key = e.key where j.request_hash is distinct from e.hash limit 1;
    if found then
      raise exception 'idempotency key % was used for another journal entry', wrong.key
        using errcode = 'unique_violation', constraint = 'journal_entry_same_request';
    end if;
  end if;

  if fresh > 0 then
    perform 1 from ledger_account a where a.id = any (p_account_ids) order by a.guarded desc, a.id for no key update;
    get diagnostics locked = row_count;
    if locked < cardinality(p_account_ids) then
      insert into ledger_account (id, book, owner_type, owner_id, rail, kind, currency)
        select a.id, a.book, a.owner_type, a.owner_id, a.rail, a.kind, a.currency
          from unnest(p_account_ids, p_books, p_owner_types, p_owner_ids, p_rails, p_kinds, p_currencies)
            as a (id, book, owner_type, owner_id, rail, kind, currency)
         where not exists (select from ledger_account known where known.id = a.id)
         order by a.id
      on conflict do nothing;
      perform 1 from ledger_account a where a.id = any (p_account_ids) order by a.guarded desc, a.id for no key update;
    end if;

    with line as (
      select p_entry_ids[l.entry] as entry_id, l.number, p_account_ids[l.account] as account_id, l.amount, l.ordinal
        from unnest(p_line_entries, p_line_numbers, p_line_accounts, p_line_amounts)
          with ordinality as l (entry, number, account, amount, ordinal)
       where all_fresh or exists (select from journal_entry j where j.id = p_entry_ids[l.entry])
    ), running as (
      select l.entry_id, l.number, l.account_id, l.amount, a.currency, a.guarded,
             a.balance + sum(l.amount) over own as balance_after,
             a.version + row_number() over own as account_version,
             lead(1) over own is null as is_last
        from line l join ledger_account a on a.id = l.account_id
      window own as (partition by l.account_id order by l.ordinal)
    ), written as (
      insert into posting (entry_id, line, account_id, account_version, amount, currency, balance_after)
        select r.entry_id, r.number, r.account_id, r.account_version, r.amount, r.currency, r.balance_after
          from running r
    ), moved as (
      update ledger_account a set balance = r.balance_after, version = r.account_version
        from running r where r.is_last and a.id = r.account_id and (not a.guarded or r.balance_after >= 0)
    )
    select r.account_id, r.balance_after into wrong from running r where r.guarded and r.balance_after < 0 limit 1;
    if found then
      raise exception 'ledger account % would fall to %', wrong.account_id, wrong.balance_after
        using errcode = 'check_violation', constraint = 'ledger_account_not_overdrawn';
    end if;
  end if;

  return query
    select e.key, coalesce(j.id, e.id), not all_fresh and j.id is distinct from e.id
      from unnest(p_entry_ids, p_keys) as e (id, key)
      left join journal_entry j on not all_fresh and j.idempotency_key = e.key;
end $$`;
