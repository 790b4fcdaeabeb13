-- One row per item whose place in people's lists changed most: how many lists hold it on the two dates, and how many it heads.
with

of_before as (
    select
        item_id,
        count(*) as n_lists,
        count(*) filter (where rank = 1) as n_first
    from read_parquet($before)
    group by item_id
),

of_after as (
    select
        item_id,
        count(*) as n_lists,
        count(*) filter (where rank = 1) as n_first
    from read_parquet($after)
    group by item_id
),

lists as (
    select
        coalesce(before.item_id, after.item_id) as item_id,
        coalesce(before.n_lists, 0) as lists_before,
        coalesce(after.n_lists, 0) as lists_after,
        coalesce(before.n_first, 0) as first_before,
        coalesce(after.n_first, 0) as first_after
    from of_before as before
    full join of_after as after using (item_id)
)

select
    item_id,
    lists_before,
    lists_after,
    first_before,
    first_after
from lists
where lists_before <> lists_after
order by abs(lists_after - lists_before) desc, item_id
limit $most
