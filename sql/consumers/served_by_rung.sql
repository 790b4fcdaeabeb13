-- How many users stand on which rung of the cold-start ladder, and which share of all of them. Run inside the workspace folder.
with

rungs as (
    select served_by, count(distinct user_id) as n_users
    from 'latest/recommendations.parquet'
    group by served_by
)

select
    served_by,
    n_users,
    round(n_users / (select sum(n_users) from rungs), 4) as share
from rungs
order by n_users desc, served_by
