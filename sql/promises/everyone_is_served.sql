-- Users who should have rows and have none, without a recorded reason.
select users.user_id
from training.users as users
anti join read_parquet($recommendations) as recommendations using (user_id)
anti join read_parquet($coverage) as coverage on coverage.fact = 'short_list' and coverage.subject = users.user_id::varchar
