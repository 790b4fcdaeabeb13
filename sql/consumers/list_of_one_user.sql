-- The newest list of one user, and why each item is on it. Run inside the workspace folder.
select
    rank,
    item_id,
    round(score, 3) as score,
    reason,
    because_item_id
from 'latest/recommendations.parquet'
where user_id = (select min(user_id) from 'latest/recommendations.parquet')
order by rank
