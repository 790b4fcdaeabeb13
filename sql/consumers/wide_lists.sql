-- The same without grouping, where [score] wide asks for this table: the best three of each user. Run inside the workspace folder.
select
    user_id,
    item_ids[1:3] as best_items,
    served_by
from 'latest/recommendations_wide.parquet'
order by user_id
limit 10
