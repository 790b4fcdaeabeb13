-- Recommendations of what the user has already met.
select recommendations.user_id, recommendations.item_id
from read_parquet($recommendations) as recommendations
semi join staging.interactions using (user_id, item_id)
