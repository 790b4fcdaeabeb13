-- Rows whose score is not the sum of its contributions, or whose blended score is not the sum of the four families.
select user_id, rank, score, blended_score
from read_parquet($recommendations)
where
    abs(score - (coalesce(collaborative, 0) + coalesce(sequential, 0) + coalesce(content, 0) + coalesce(knowledge, 0) + policy)) > 1e-6
    or abs(score - policy - blended_score) > 1e-6
