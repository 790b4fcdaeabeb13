-- One row: users by what became of their lists, and items of lists by what became of them.
select
    count(*) filter (where n_before > 0) as n_users_before,
    count(*) filter (where n_after > 0) as n_users_after,
    count(*) filter (where n_before > 0 and n_after > 0) as n_users_both,
    count(*) filter (where n_before > 0 and n_after > 0 and (n_kept < deepest or n_moved > 0)) as n_changed,
    count(*) filter (where n_before > 0 and n_after > 0 and n_kept < deepest) as n_other_items,
    coalesce(sum(n_after - n_kept) filter (where n_before > 0 and n_after > 0), 0)::bigint as n_entered,
    coalesce(sum(n_before - n_kept) filter (where n_before > 0 and n_after > 0), 0)::bigint as n_left,
    coalesce(sum(n_moved), 0)::bigint as n_moved
from diff_users
