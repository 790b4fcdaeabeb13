-- The last ten attempts, the ones that failed or were refused too. Run inside the workspace folder.
select started_at, run_date, ending, exit_code, round(seconds, 1) as seconds, reason
from 'latest/runs.parquet'
order by started_at desc, attempt_id
limit 10
