-- Recommendations of what the user has already met, where one of these events keeps the item out of their list; its type says how long.
with

recommended as (
    select user_id, item_id from read_parquet($recommendations)
),

-- First what is in both, which is little or nothing; what the rule says of it costs nothing then.
met as materialized (
    select
        interactions.user_id,
        interactions.item_id,
        interactions.occurred_at,
        interactions.event_type
    from staging.interactions as interactions
    semi join recommended using (user_id, item_id)
)

select distinct user_id, item_id
from met
where
    occurred_at >= coalesce(map($seen_types::varchar[], $seen_since::timestamp[])[event_type], $seen_since_default::timestamp)
    or (
        occurred_at is null
        and coalesce(map($seen_types::varchar[], $seen_since::timestamp[])[event_type], $seen_since_default::timestamp) < $known_until
    )
