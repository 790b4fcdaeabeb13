-- Places of a list that score more than the place before.
with

placed as (
    select 'recommendations' as list, user_id::varchar as owner, rank, score from read_parquet($recommendations)
    union all
    select 'similar_items' as list, item_id::varchar as owner, rank, score from read_parquet($similar_items)
    union all
    select 'popular_items' as list, segment as owner, rank, score from read_parquet($popular_items)
)

select list, owner, rank, score
from placed
qualify score > lag(score) over (partition by list, owner order by rank)
