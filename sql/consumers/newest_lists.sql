-- The lists of the night that is served: current.json names it and is replaced last. Run inside the workspace folder.
select
    user_id,
    rank,
    item_id,
    score
from read_parquet('tables/recommendations/*/*.parquet', hive_partitioning = true, union_by_name = true)
where run_date = (select run_date from 'current.json')
order by user_id, rank
