-- The users whom one item suits best, whether or not it is on their list. Run inside the workspace folder.
select
    rank,
    user_id,
    round(score, 3) as score
from 'latest/item_audience.parquet'
where item_id = (select min(item_id) from 'latest/item_audience.parquet')
order by rank
