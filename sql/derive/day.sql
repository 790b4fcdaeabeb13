-- One row: the newest day that is whole, null without times. A night that runs in the small hours may see the first of a day; that one
-- counts as whole once something is known of its last quarter, and any other once something is known of a later one.
with

days as (
    select
        occurred_at::date as day,
        max(occurred_at) as newest
    from staging.interactions
    where occurred_at is not null
    group by day
)

select max(day) as day
from days
where newest >= day + interval 18 hour or day < (select max(day) from days) or (select count(*) from days) = 1
