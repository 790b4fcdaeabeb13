-- One row per kind of change, cause and detail: how many places of lists changed so, and of how many users.
select
    change,
    cause,
    detail,
    count(*) as n_places,
    count(distinct user_id) as n_users
from read_parquet($changes)
group by change, cause, detail
order by n_places desc, change, cause, detail
