-- One row per event type that happened on a day, on all days where it is null: how many events.
select
    event_type,
    count(*) as events
from staging.interactions
where event_type is not null and ($day::date is null or occurred_at::date = $day::date)
group by event_type
order by event_type
