-- One row per user and item that stood in the user's lists of at least so many of some earlier nights, and that the user has not met since
-- the first of these lists could be read. An event without a time may have happened since.
with

shown_often as (
    select
        users.user_index,
        items.item_index
    from read_parquet($recommendations) as shown
    inner join training.users as users on shown.user_id = users.user_id
    inner join training.items as items on shown.item_id = items.item_id
    group by users.user_index, items.item_index
    having count(*) >= $nights
),

taken_up as (
    select
        user_index,
        item_index
    from training.events
    where occurred_at is null or occurred_at >= epoch_us($since::timestamp)
)

select
    shown_often.user_index,
    shown_often.item_index
from shown_often
anti join taken_up using (user_index, item_index)
order by shown_often.user_index, shown_often.item_index
