-- The newest lists with what your own catalogue says of the items; an item that it lacks keeps its place. Run inside the workspace folder.
select
    recommendations.user_id,
    recommendations.rank,
    recommendations.item_id,
    catalogue.title
from 'latest/recommendations.parquet' as recommendations
left join 'catalogue.csv' as catalogue using (item_id)
order by recommendations.user_id, recommendations.rank
