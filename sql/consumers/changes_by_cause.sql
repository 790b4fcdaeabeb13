-- What entered, left or moved since the night before, and why. Run inside the workspace folder.
select
    change,
    cause,
    detail,
    count(*) as n_items,
    count(distinct user_id) as n_users
from 'latest/changes.parquet'
group by change, cause, detail
order by n_items desc, change, cause, detail
