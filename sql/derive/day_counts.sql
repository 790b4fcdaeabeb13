-- One row: what happened on a day, on all days where it is null. Values are added as decimals: a sum of floats would depend on their order.
with

happened as (
    select * from staging.interactions
    where $day::date is null or occurred_at::date = $day::date
),

earlier as (
    select * from staging.interactions
    where occurred_at < $day::date
)

select
    count(*) as events,
    count(distinct user_id) as users,
    count(distinct item_id) as items,
    (select count(*) from happened anti join earlier using (user_id)) as of_new_users,
    (select count(*) from happened anti join earlier using (item_id)) as of_new_items,
    count(value) as n_values,
    sum(value::decimal(38, 6)) as value_total
from happened
