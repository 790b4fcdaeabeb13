-- What was unusual in which night, beside what is usual. Run inside the workspace folder.
select
    run_date,
    measure,
    subject,
    value,
    usual,
    low,
    high,
    n_nights
from read_parquet('tables/drift/*/*.parquet', hive_partitioning = true, union_by_name = true)
where is_unusual
order by run_date desc, measure, subject
