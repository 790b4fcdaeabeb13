-- Which rows of deliveries were refused, by night, file and rule. Run inside the workspace folder.
select
    run_date,
    source_file,
    rule,
    count(*) as n_rows,
    min(raw_row) as example
from read_parquet('tables/rejects/*/*.parquet', hive_partitioning = true, union_by_name = true)
group by run_date, source_file, rule
order by run_date, n_rows desc, source_file, rule
