-- One row per interaction that counts tonight and that changed in a build: typed, UTC, each event once. What is equal to this, and of an
-- earlier build, stands as it is, but for the days that became full: all their events come again.
-- `is_capped` marks the events of a user and a day beyond the most that one day may hold, in the order in which they happened: their
-- items are seen, and nothing is learned from them. Events without a time have no day and are not capped.
-- Impressions are no interactions: who was shown an item has not met it. They stay among the judged ones.
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
        event_id,
        changed_in,
        occurred_at::date as day
    from staging.judged_interactions
    where verdict = 'accepted' and not list_contains($impressions::varchar[], coalesce(event_type, ''))
),

-- What is equal in all of this order was a duplicate, so a day's first events are the same whatever was delivered first.
of_full_days as (
    select
        accepted.*,
        row_number() over (
            partition by user_id, day
            order by occurred_at, item_id, event_type, value, event_id
        ) > $max_events_per_user_day as is_capped
    from accepted
    semi join staging.full_days using (user_id, day)
),

of_other_days as (
    select
        accepted.*,
        false as is_capped
    from accepted
    anti join staging.full_days using (user_id, day)
    where changed_in = $build
),

changed as (
    select * from of_full_days
    union all
    select * from of_other_days
)

select
    delivery,
    row_number,
    user_id,
    item_id,
    occurred_at,
    event_type,
    value,
    is_capped,
    $build::integer as changed_in
from changed
