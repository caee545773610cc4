/**
 * `ledger_post`: the only way in for the application's role. Any number of entries in one call, all or none: write the headers (a key
 * seen before is a replay and moves nothing), move each account once in the order given (which callers keep the same everywhere, busy
 * unguarded accounts last, so that nobody waits in a circle), and write all postings with running balances in one statement.
 *
 * Lines refer to entries and accounts by their position (from 1) in the other arrays. Returns null where every entry is new, else
 * for each key the entry that holds it and whether it was there before.
 *
 * Small statements by primary key in a loop, because inside the server they cost a fraction of one statement that does it all with
 * window functions. Names are qualified instead of setting a search_path, which would cost more than the posting itself; the
 * application's role can create nothing that could stand before them.
 */
export const ledgerPost = `
create function public.ledger_post(
  p_entry_ids uuid[], p_types text[], p_keys text[], p_hashes bytea[], p_reverses uuid[], p_effective timestamptz[],
  p_correlations text[], p_actor text, p_workflow text,
  p_account_ids uuid[], p_books text[], p_owner_types text[], p_owner_ids uuid[], p_rails text[], p_kinds text[], p_currencies text[],
  p_line_entries int[], p_line_numbers int[], p_line_accounts int[], p_line_amounts bigint[]
) returns jsonb
language plpgsql security definer set plan_cache_mode = force_generic_plan as $$
declare
  is_fresh boolean[];
  fresh bigint;
  account int;
  amount bigint;
  moved bigint[] := array_fill(0::bigint, array[cardinality(p_account_ids)]);
  lowest bigint[] := moved;
  lines bigint[] := moved;
  start_balances bigint[] := moved;
  start_versions bigint[] := moved;
  running bigint[] := array_fill(0::bigint, array[cardinality(p_line_amounts)]);
  sequence bigint[] := running;
  now_balance bigint;
  now_version bigint;
  is_guarded boolean;
  reused text;
begin
  insert into public.journal_entry (id, type, idempotency_key, request_hash, reverses_id, effective_at, actor, workflow_id, correlation_id)
    select e.id, e.type, e.key, e.hash, e.reverses, coalesce(e.effective, now()), p_actor, p_workflow, e.correlation
      from unnest(p_entry_ids, p_types, p_keys, p_hashes, p_reverses, p_effective, p_correlations)
        as e (id, type, key, hash, reverses, effective, correlation)
    on conflict on constraint journal_entry_idempotency_key do nothing;
  get diagnostics fresh = row_count;
  if fresh < cardinality(p_entry_ids) then
    select e.key into reused from unnest(p_keys, p_hashes) as e (key, hash)
      join public.journal_entry j on j.idempotency_key = e.key where j.request_hash is distinct from e.hash limit 1;
    if found then
      raise exception 'idempotency key % was used for another journal entry', reused
        using errcode = 'unique_violation', constraint = 'journal_entry_same_request';
    end if;
    is_fresh := array(select exists (select from public.journal_entry j where j.id = e.id)
      from unnest(p_entry_ids) with ordinality as e (id, ordinal) order by e.ordinal);
  end if;

  for i in 1 .. cardinality(p_line_amounts) loop
    if is_fresh is null or is_fresh[p_line_entries[i]] then
      account := p_line_accounts[i];
      amount := moved[account] + p_line_amounts[i];
      moved[account] := amount;
      lines[account] := lines[account] + 1;
      running[i] := amount;
      sequence[i] := lines[account];
      if amount < lowest[account] then
        lowest[account] := amount;
      end if;
    end if;
  end loop;

  for i in 1 .. cardinality(p_account_ids) loop
    continue when lines[i] = 0;
    loop
      update public.ledger_account a set balance = a.balance + moved[i], version = a.version + lines[i]
       where a.id = p_account_ids[i] and (not a.guarded or a.balance + lowest[i] >= 0)
      returning a.balance, a.version into now_balance, now_version;
      exit when found;
      select a.guarded into is_guarded from public.ledger_account a where a.id = p_account_ids[i];
      if is_guarded then
        raise exception 'ledger account % has not enough for %', p_account_ids[i], -lowest[i]
          using errcode = 'check_violation', constraint = 'ledger_account_not_overdrawn', detail = p_account_ids[i]::text;
      end if;
      insert into public.ledger_account (id, book, owner_type, owner_id, rail, kind, guarded, currency)
        select p_account_ids[i], p_books[i]::public.ledger_book, p_owner_types[i]::public.ledger_owner_type, p_owner_ids[i],
               p_rails[i], p_kinds[i], coalesce((select k.guarded from public.ledger_account_kind k where k.kind = p_kinds[i]), true),
               p_currencies[i]
      on conflict (id) do nothing;
    end loop;
    start_balances[i] := now_balance - moved[i];
    start_versions[i] := now_version - lines[i];
  end loop;

  insert into public.posting (entry_id, line, account_id, account_version, amount, currency, balance_after)
    select p_entry_ids[l.entry], l.number, p_account_ids[l.account], start_versions[l.account] + l.sequence, l.amount,
           p_currencies[l.account], start_balances[l.account] + l.running
      from unnest(p_line_entries, p_line_numbers, p_line_accounts, p_line_amounts, running, sequence)
        as l (entry, number, account, amount, running, sequence)
     where l.sequence > 0;

  if is_fresh is null then
    return null;
  end if;
  return (select jsonb_agg(jsonb_build_object('entryId', j.id, 'replayed', not e.fresh) order by e.ordinal)
    from unnest(p_keys, is_fresh) with ordinality as e (key, fresh, ordinal)
    join public.journal_entry j on j.idempotency_key = e.key);
end $$`;
