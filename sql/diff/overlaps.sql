-- One row per (deepest, n_kept): how many users with a list on both dates have so many items in both, of as many places.
select
    deepest,
    n_kept,
    count(*) as n_users
from diff_users
where n_before > 0 and n_after > 0
group by deepest, n_kept
order by deepest, n_kept
