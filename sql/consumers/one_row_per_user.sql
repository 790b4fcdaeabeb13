-- One row per user, ready for a key-value store: the key and the whole list as JSON. Run inside the workspace folder.
select
    concat('recommendations:', user_id) as key,
    cast(to_json(list(item_id order by rank)) as varchar) as items
from 'latest/recommendations.parquet'
group by user_id
order by user_id
