/** What the database refuses, whoever asks: unbalanced, edited, deleted or truncated entries. */
export const ledgerGuards = [
  `create function public.ledger_check_posting() returns trigger language plpgsql as $$
   declare wrong record;
   begin
     select p.entry_id, sum(p.amount) as total into wrong
       from new_posting p group by p.entry_id, p.currency having sum(p.amount) <> 0 or bool_or(p.amount = 0) limit 1;
     if found then
       raise exception 'journal entry % does not balance (off by %) or has an empty line', wrong.entry_id, wrong.total
         using errcode = 'check_violation', constraint = 'journal_entry_balanced';
     end if;
     return null;
   end $$`,
  `create trigger posting_balanced after insert on posting
     referencing new table as new_posting for each statement execute function public.ledger_check_posting()`,
  `create function public.ledger_refuse_change() returns trigger language plpgsql as $$
   begin
     raise exception '% is append-only: % refused, post a reversal instead', tg_table_name, lower(tg_op)
       using errcode = 'restrict_violation', constraint = 'ledger_append_only';
   end $$`,
  ...['journal_entry', 'posting'].map(
    (table) => `create trigger ${table}_append_only before update or delete or truncate on ${table}
      for each statement execute function ledger_refuse_change()`,
  ),
  `create trigger ledger_account_not_deleted before delete or truncate on ledger_account
     for each statement execute function ledger_refuse_change()`,
];
