-- One row per new delivery and rule that refused some of its rows, the rule that refused most first; `event_types` are a few of the
-- types that were not expected.
with

judged as (
    select delivery, rule, event_type from staging.judged_interactions where verdict = 'rejected'
    union all by name
    select delivery, rule from staging.judged_items where verdict = 'rejected'
    union all by name
    select delivery, rule from staging.judged_users where verdict = 'rejected'
)

select
    deliveries.name,
    deliveries.source,
    judged.rule,
    count(*) as n_rows,
    deliveries.rows as delivered_rows,
    list(distinct judged.event_type order by judged.event_type) filter (where judged.rule = 'event_type_unknown')[:5] as event_types
from judged
inner join raw.deliveries as deliveries using (delivery)
where deliveries.is_new
group by deliveries.sequence, deliveries.name, deliveries.source, deliveries.rows, judged.rule
order by n_rows / deliveries.rows desc, deliveries.sequence, judged.rule
