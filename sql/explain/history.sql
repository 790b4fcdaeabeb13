-- One row per interaction of the users that counted that night, the newest of each user first; impressions are none.
select
    user_id,
    occurred_at,
    item_id,
    event_type,
    value
from staging.judged_interactions
where verdict = 'accepted' and not list_contains($impressions::varchar[], coalesce(event_type, ''))
order by user_id, occurred_at desc nulls last, item_id, event_type, value, delivery, row_number
