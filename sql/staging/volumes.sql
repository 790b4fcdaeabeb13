-- One row per delivery: how many of its rows were accepted, rejected, duplicates, or wait for a later night.
with

judged as (
    select delivery, verdict from staging.judged_interactions
    union all
    select delivery, verdict from staging.judged_items
    union all
    select delivery, verdict from staging.judged_users
)

select
    deliveries.delivery,
    deliveries.source,
    deliveries.name,
    deliveries.sequence,
    deliveries.is_new,
    count(*) filter (where verdict = 'accepted') as accepted,
    count(*) filter (where verdict = 'rejected') as rejected,
    count(*) filter (where verdict = 'duplicate') as duplicates,
    count(*) filter (where verdict = 'waiting') as waiting
from raw.deliveries as deliveries
left join judged using (delivery)
group by all
order by deliveries.sequence
