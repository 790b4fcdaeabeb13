-- Users in the audience of an item to whom it is neither recommended nor missing only because something else took its place.
with

may_be_shown as (
    select
        user_id,
        item_id
    from read_parquet($recommendations)
    union all
    select
        user_id,
        item_id
    from read_parquet($why_not)
    where cause in ('rank', 'below_minimum', 'capped', 'diversified', 'displaced')
)

select
    audience.item_id,
    audience.user_id
from read_parquet($item_audience) as audience
anti join may_be_shown using (user_id, item_id)
