-- Items that stand more than once in a user's list.
select user_id, item_id, count(*) as times
from read_parquet($recommendations)
group by user_id, item_id
having count(*) > 1
