-- How much each model counts for whom. Run inside the workspace folder.
select segment, model, family, round(weight, 3) as weight, n_users
from 'latest/weights.parquet'
order by segment, weight desc, model
