-- One row per interaction that counts tonight, of each user and item for which one of them changed after a build.
with

changed as (
    select
        user_id,
        item_id
    from staging.interactions
    where changed_in > $since
)

select
    user_id,
    item_id,
    occurred_at,
    event_type,
    value,
    is_capped
from staging.interactions
semi join changed using (user_id, item_id)
