-- One row per user and item of which impressions were delivered of at least so many days (UTC), the last days up to tonight's horizon, and
-- that the user has not met on any of them. Impressions without a time are of no day.
with

shown_often as (
    select
        user_id,
        item_id
    from staging.judged_interactions
    where
        verdict = 'accepted'
        and occurred_at >= $since
        and list_contains($impressions::varchar[], coalesce(event_type, ''))
    group by user_id, item_id
    having count(distinct occurred_at::date) >= $nights
),

taken_up as (
    select
        user_index,
        item_index
    from training.events
    where occurred_at is null or occurred_at >= epoch_us($since::timestamp)
)

select
    users.user_index,
    items.item_index
from shown_often
inner join training.users as users using (user_id)
inner join training.items as items using (item_id)
anti join taken_up on users.user_index = taken_up.user_index and items.item_index = taken_up.item_index
order by users.user_index, items.item_index
