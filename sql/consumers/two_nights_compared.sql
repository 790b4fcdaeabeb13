-- The places that differ between any two nights, here the two newest: one row per user and item. Run inside the workspace folder.
with

served as (
    select run_date, user_id, item_id, rank
    from read_parquet('tables/recommendations/*/*.parquet', hive_partitioning = true, union_by_name = true)
),

nights as (
    select max(run_date) as after, max(run_date) filter (where run_date < (select max(run_date) from served)) as before
    from served
),

before as (
    select user_id, item_id, rank
    from served
    where run_date = (select before from nights)
),

after as (
    select user_id, item_id, rank
    from served
    where run_date = (select after from nights)
)

select
    user_id,
    item_id,
    before.rank as rank_before,
    after.rank
from before
full join after using (user_id, item_id)
where before.rank is distinct from after.rank
order by user_id, item_id
