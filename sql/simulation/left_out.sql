-- One row per cause and rule: how many candidates of how many users it left out.
select
    cause,
    rule,
    count(*) as n_candidates,
    count(distinct user_id) as n_users
from read_parquet($why_not)
group by cause, rule
order by cause, rule
