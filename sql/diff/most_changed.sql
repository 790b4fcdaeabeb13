-- One row per user with a list on both dates, those first who keep the smallest share of it; at most so many, and none that is unchanged.
select
    user_id,
    deepest as places,
    n_kept,
    n_moved
from diff_users
where n_before > 0 and n_after > 0 and (n_kept < deepest or n_moved > 0)
order by n_kept * 1000000 // deepest, n_moved desc, user_id
limit $most
