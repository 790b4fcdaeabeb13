-- One row per user and day that tonight's changes bring, or leave, above the most events that one day may hold; staging.interactions is
-- still as it was before them. Events without a time have no day; impressions fill none.
with

changed as (
    select
        user_id,
        occurred_at::date as day,
        count(*) as events
    from staging.judged_interactions
    where
        verdict = 'accepted'
        and changed_in = $build
        and occurred_at is not null
        and not list_contains($impressions::varchar[], coalesce(event_type, ''))
    group by all
),

before as (
    select
        user_id,
        occurred_at::date as day
    from staging.interactions
    where occurred_at is not null
),

counted_before as (
    select
        user_id,
        day,
        count(*) as events
    from before
    semi join changed using (user_id, day)
    group by all
)

select
    changed.user_id,
    changed.day
from changed
left join counted_before using (user_id, day)
where changed.events + coalesce(counted_before.events, 0) > $max_events_per_user_day
