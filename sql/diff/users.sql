-- One row per user with a list on either date: how long the two are, and how many items are in both, and how many of these in another
-- place. `deepest` is the longer of the two.
with

places as (
    select
        coalesce(before.user_id, after.user_id) as user_id,
        before.rank as rank_before,
        after.rank as rank_after
    from read_parquet($before) as before
    full join read_parquet($after) as after using (user_id, item_id)
)

select
    user_id,
    count(rank_before) as n_before,
    count(rank_after) as n_after,
    count(*) filter (where rank_before is not null and rank_after is not null) as n_kept,
    count(*) filter (where rank_before <> rank_after) as n_moved,
    greatest(n_before, n_after) as deepest
from places
group by user_id
