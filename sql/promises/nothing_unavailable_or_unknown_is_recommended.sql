-- Recommended, similar or popular items that tonight's catalogue does not know or that are not available.
with

offered as (
    select 'recommendations' as offered_in, item_id from read_parquet($recommendations)
    union all
    select 'similar_items' as offered_in, similar_item_id as item_id from read_parquet($similar_items)
    union all
    select 'popular_items' as offered_in, item_id from read_parquet($popular_items)
)

select distinct offered.offered_in, offered.item_id
from offered
left join training.items as items using (item_id)
where not coalesce(items.is_known and items.is_available, false)
