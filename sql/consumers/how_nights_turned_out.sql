-- How good the published lists of earlier nights turned out to be, by what people did next; the newest judgement of each night counts.
-- Run inside the workspace folder.
select
    of_date,
    round(value, 4) as ndcg_at_10,
    round(low, 4) as low,
    round(high, 4) as high,
    n_users,
    run_date as judged_in
from read_parquet('tables/metrics/*/*.parquet', hive_partitioning = true, union_by_name = true)
where ranking like 'published %' and metric = 'ndcg' and segment = '__all__' and k = 10
qualify row_number() over (partition by of_date order by run_date desc) = 1
order by of_date
