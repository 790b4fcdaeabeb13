-- What goes with the item that heads most lists. Run inside the workspace folder.
with

favourite as (
    select item_id
    from 'latest/recommendations.parquet'
    where rank = 1
    group by item_id
    order by count(*) desc, item_id
    limit 1
)

select item_id, rank, similar_item_id, round(score, 3) as score, reason
from 'latest/similar_items.parquet'
semi join favourite using (item_id)
order by rank
