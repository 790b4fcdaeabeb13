-- One row per new delivery of interactions: the earliest time in it; null where a row has no time or was refused, since such rows
-- belong to no date of their own.
select
    deliveries.delivery,
    if(bool_or(judged.rule is not null or judged.occurred_at is null), null, min(judged.occurred_at)) as first_event
from raw.deliveries as deliveries
inner join staging.judged_interactions as judged using (delivery)
where deliveries.is_new
group by deliveries.delivery
order by deliveries.delivery
