-- One row per kind of change, cause and detail: how many places of lists changed so, of how many users, and the first of them: those best
-- placed in their list.
select
    change,
    cause,
    detail,
    count(*) as n_places,
    count(distinct user_id) as n_users,
    arg_min(
        {'user_id': user_id, 'item_id': item_id, 'rank_before': rank_before, 'rank': rank},
        {'rank': coalesce(rank, rank_before), 'user_id': user_id, 'item_id': item_id},
        $most
    ) as examples
from read_parquet($changes)
group by change, cause, detail
order by n_places desc, change, cause, detail
