-- Why items that suit a user well are not on the list: a rule, or others simply scored higher. Run inside the workspace folder.
select
    candidate_rank,
    item_id,
    round(score, 3) as score,
    cause,
    rule
from 'latest/why_not.parquet'
where user_id = (select min(user_id) from 'latest/why_not.parquet')
order by candidate_rank
