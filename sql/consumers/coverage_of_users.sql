-- How many users were served, from what was known of them, and how many lists are short. Run inside the workspace folder.
select fact, subject, value
from 'latest/coverage.parquet'
where fact <> 'short_list'
union all by name
select 'short_lists' as fact, '' as subject, count(*)::double as value
from 'latest/coverage.parquet'
where fact = 'short_list'
order by fact, subject
