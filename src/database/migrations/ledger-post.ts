/**
 * `ledger_post`: the only way in for the application's role. Any number of entries in one call, all or none: write the headers (a key
 * seen before is a replay and moves nothing), move each account once in the order given (which callers keep the same everywhere, busy
 * unguarded accounts last, so that nobody waits in a circle), and write all postings with running balances in one statement.
 *
 * Lines refer to entries and accounts by their position (from 1) in the other arrays and come in the order of their accounts. An
 * account's name says what it is (book/owner type/owner/kind/currency); it is read where the account is new. Returns null where every
 * entry is new, else for each key the entry that holds it and whether it was there before.
 *
 * Small statements by primary key in a loop, because inside the server they cost a fraction of one statement that does it all with
 * window functions; and no work per line where each account has one, as in most entries, because a transaction pays for each
 * expression that it meets. Names are qualified instead of setting a search_path, which would cost more than the posting itself; the
 * application's role can create nothing that could stand before them.
 */
export const ledgerPost = `
create function public.ledger_post(
  p_entry_ids uuid[], p_types text[], p_keys text[], p_hashes bytea[], p_reverses uuid[], p_effective timestamptz[],
  p_correlations text[], p_actor text, p_workflow text, p_account_ids uuid[], p_account_names text[],
  p_line_entries int[], p_line_numbers int[], p_line_accounts int[], p_line_amounts bigint[]
) returns jsonb
language plpgsql security definer set plan_cache_mode = force_generic_plan as $$
declare
  is_fresh boolean[];
  fresh bigint;
  one_line_each boolean;
  account int;
  amount bigint;
  moved bigint[] := p_line_amounts;
  lowest bigint[] := p_line_amounts;
  lines bigint[] := array_fill(1::bigint, array[cardinality(p_line_amounts)]);
  running bigint[] := p_line_amounts;
  sequence bigint[] := lines;
  end_balances bigint[] := p_line_amounts;
  end_versions bigint[] := lines;
  currencies text[];
  end_balance bigint;
  end_version bigint;
  account_currency text;
  is_guarded boolean;
  name text[];
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

  one_line_each := is_fresh is null and cardinality(p_line_accounts) = cardinality(p_account_ids);
  if not one_line_each then
    moved := array_fill(0::bigint, array[cardinality(p_account_ids)]);
    lowest := moved;
    lines := moved;
    for i in 1 .. cardinality(p_line_amounts) loop
      account := p_line_accounts[i];
      if is_fresh is null or is_fresh[p_line_entries[i]] then
        amount := moved[account] + p_line_amounts[i];
        moved[account] := amount;
        lines[account] := lines[account] + 1;
        running[i] := amount;
        sequence[i] := lines[account];
        if amount < lowest[account] then
          lowest[account] := amount;
        end if;
      else
        sequence[i] := 0;
      end if;
    end loop;
    end_balances := moved;
    end_versions := lines;
  end if;

  for i in 1 .. cardinality(p_account_ids) loop
    if one_line_each then
      if p_line_accounts[i] <> i then
        raise exception 'the lines of journal entries come in the order of their accounts'
          using errcode = 'check_violation', constraint = 'posting_order';
      end if;
    elsif lines[i] = 0 then
      continue;
    end if;
    loop
      update public.ledger_account a set balance = a.balance + moved[i], version = a.version + lines[i]
       where a.id = p_account_ids[i] and (not a.guarded or a.balance + lowest[i] >= 0)
      returning a.balance, a.version, a.currency into end_balance, end_version, account_currency;
      exit when found;
      select a.guarded into is_guarded from public.ledger_account a where a.id = p_account_ids[i];
      if is_guarded then
        raise exception 'ledger account % has not enough for %', p_account_ids[i], -lowest[i]
          using errcode = 'check_violation', constraint = 'ledger_account_not_overdrawn', detail = p_account_ids[i]::text;
      end if;
      name := string_to_array(p_account_names[i], '/');
      insert into public.ledger_account (id, book, owner_type, owner_id, rail, kind, guarded, currency)
        select p_account_ids[i], name[1]::public.ledger_book, name[2]::public.ledger_owner_type,
               case when name[2] in ('creator', 'campaign') then name[3]::uuid end, case when name[2] = 'rail' then name[3] end,
               name[4], coalesce((select k.guarded from public.ledger_account_kind k where k.kind = name[4]), true), name[5]
      on conflict (id) do nothing;
    end loop;
    end_balances[i] := end_balance;
    end_versions[i] := end_version;
    currencies[i] := account_currency;
  end loop;

  if one_line_each then
    insert into public.posting (entry_id, line, account_id, account_version, amount, currency, balance_after)
      select p_entry_ids[l.entry], l.number, l.account_id, l.version, l.amount, l.currency, l.balance
        from unnest(p_line_entries, p_line_numbers, p_account_ids, end_versions, p_line_amounts, currencies, end_balances)
          as l (entry, number, account_id, version, amount, currency, balance);
  else
    insert into public.posting (entry_id, line, account_id, account_version, amount, currency, balance_after)
      select p_entry_ids[l.entry], l.number, p_account_ids[l.account], end_versions[l.account] - lines[l.account] + l.sequence, l.amount,
             currencies[l.account], end_balances[l.account] - moved[l.account] + l.running
        from unnest(p_line_entries, p_line_numbers, p_line_accounts, p_line_amounts, running, sequence)
          as l (entry, number, account, amount, running, sequence)
       where l.sequence > 0;
  end if;

  if is_fresh is null then
    return null;
  end if;
  return (select jsonb_agg(jsonb_build_object('entryId', j.id, 'replayed', not e.fresh) order by e.ordinal)
    from unnest(p_keys, is_fresh) with ordinality as e (key, fresh, ordinal)
    join public.journal_entry j on j.idempotency_key = e.key);
end $$`;
