-- One row per interaction that counts tonight: typed, UTC, each event once.
-- `is_capped` marks the events of a user and a day beyond the most that one day may hold, in the order in which they happened: their
-- items are seen, and nothing is learned from them. Events without a time have no day and are not capped.
with

accepted as (
    select
        delivery,
        row_number,
        user_id,
        item_id,
        occurred_at,
        event_type,
        value,
        event_id
    from staging.judged_interactions
    where verdict = 'accepted'
),

full_days as (
    select
        user_id,
        occurred_at::date as day
    from accepted
    where occurred_at is not null
    group by all
    having count(*) > $max_events_per_user_day
),

-- What is equal in all of this order was a duplicate, so a day's first events are the same whatever was delivered first.
placed as (
    select
        delivery,
        row_number,
        row_number() over (
            partition by full_days.user_id, full_days.day
            order by occurred_at, item_id, event_type, value, event_id
        ) as place
    from accepted
    inner join full_days on accepted.user_id = full_days.user_id and accepted.occurred_at::date = full_days.day
),

capped as (
    select delivery, row_number from placed where place > $max_events_per_user_day
)

select
    accepted.* exclude (event_id),
    capped.delivery is not null as is_capped
from accepted
left join capped on accepted.delivery = capped.delivery and accepted.row_number = capped.row_number
