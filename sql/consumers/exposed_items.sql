-- The items that most users are shown, and where they stand in the lists. Run inside the workspace folder.
select
    item_id,
    n_lists,
    n_first,
    round(share, 4) as share,
    round(mean_rank, 2) as mean_rank
from 'latest/exposure.parquet'
where segment = '__all__'
order by n_lists desc, item_id
limit 10
