-- One row per interaction that counts tonight: typed, UTC, each event once.
select
    delivery,
    row_number,
    user_id,
    item_id,
    occurred_at,
    event_type,
    value
from staging.judged_interactions
where verdict = 'accepted'
