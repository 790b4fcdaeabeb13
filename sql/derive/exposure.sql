-- One row per item and user segment to whom it is shown: in how many lists, how often first, and the sum of its places.
select
    item_id,
    segments.segment,
    count(*) as n_lists,
    count(*) filter (where rank = 1) as n_first,
    sum(rank)::bigint as places
from read_parquet($recommendations)
inner join derive.segments as segments using (user_id)
group by item_id, segments.segment
order by item_id, segments.segment
