/** From → to. Anything else is refused by the database, and each step that happens is written down there. */
const steps: Record<string, string[]> = {
  pending: ['approved', 'rejected', 'canceled'],
  approved: ['processing', 'held', 'failed', 'canceled'],
  processing: ['in_transit', 'completed', 'outcome_unknown', 'held', 'failed', 'canceled', 'reversed'],
  outcome_unknown: ['processing', 'in_transit', 'completed', 'held', 'failed', 'reversed'],
  in_transit: ['completed', 'outcome_unknown', 'failed', 'reversed'],
  completed: ['failed', 'reversed'],
  held: ['approved', 'processing', 'failed', 'canceled'],
  failed: ['approved', 'processing', 'canceled'],
};

const allowed = Object.entries(steps).flatMap(([from, all]) => all.map((to) => `('${from}', '${to}')`));

export const payoutStatusGuard = [
  `create function public.payout_follow_status() returns trigger language plpgsql as $$
   declare wrong record;
   begin
     if tg_op = 'INSERT' then
       insert into public.payout_event (payout_id, status) select n.id, n.status from new_rows n;
       return null;
     end if;
     select o.status as was, n.status as becomes, n.id into wrong
       from old_rows o join new_rows n on n.id = o.id
      where o.status <> n.status and (o.status, n.status) not in (${allowed.join(', ')}) limit 1;
     if found then
       raise exception 'payout % may not go from % to %', wrong.id, wrong.was, wrong.becomes
         using errcode = 'check_violation', constraint = 'payout_status_step';
     end if;
     insert into public.payout_event (payout_id, status, detail)
       select n.id, n.status, case when n.status in ('failed', 'held', 'outcome_unknown', 'reversed') then n.failure_reason end
         from old_rows o join new_rows n on n.id = o.id where o.status <> n.status;
     return null;
   end $$`,
  `create trigger payout_inserted after insert on payout
     referencing new table as new_rows for each statement execute function public.payout_follow_status()`,
  `create trigger payout_updated after update on payout
     referencing old table as old_rows new table as new_rows for each statement execute function public.payout_follow_status()`,
];
