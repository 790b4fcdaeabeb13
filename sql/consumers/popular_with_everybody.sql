-- The ten most popular items of everybody, and what is trending and new: what to show somebody of whom nothing is known. Run inside the
-- workspace folder.
select segment, rank, item_id
from 'latest/popular_items.parquet'
where segment in ('__all__', '__trending__', '__new__') and rank <= 10
order by segment, rank
