-- One row: how many items could be recommended and how many were shown, and how many lists are short.
select
    coalesce(max(value) filter (where fact = 'items_recommendable'), 0)::bigint as n_recommendable,
    coalesce(max(value) filter (where fact = 'items_shown'), 0)::bigint as n_shown,
    count(*) filter (where fact = 'short_list') as n_short
from read_parquet($coverage)
