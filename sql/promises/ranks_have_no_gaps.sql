-- Lists whose ranks are not 1, 2, 3, ...
with

ranked as (
    select 'recommendations' as list, user_id::varchar as owner, rank from read_parquet($recommendations)
    union all
    select 'similar_items' as list, item_id::varchar as owner, rank from read_parquet($similar_items)
    union all
    select 'popular_items' as list, segment as owner, rank from read_parquet($popular_items)
)

select list, owner, count(*) as n_rows, min(rank) as first_rank, max(rank) as last_rank
from ranked
group by list, owner
having min(rank) <> 1 or max(rank) <> count(*) or count(distinct rank) <> count(*)
