-- One row: how many items are in some list on either date, and on one of them only.
with

of_before as (
    select distinct item_id from read_parquet($before)
),

of_after as (
    select distinct item_id from read_parquet($after)
)

select
    count(before.item_id) as n_items_before,
    count(after.item_id) as n_items_after,
    count(*) filter (where before.item_id is null) as n_new,
    count(*) filter (where after.item_id is null) as n_gone
from of_before as before
full join of_after as after using (item_id)
