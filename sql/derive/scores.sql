-- One row per rung of the cold-start ladder that anybody stands on, and one of all, empty: what its lists score. Each percentile is a score
-- that was given, none lies between two of them.
select
    coalesce(served_by, '') as subject,
    quantile_disc(score, 0.1) as score_p10,
    quantile_disc(score, 0.5) as score_p50,
    quantile_disc(score, 0.9) as score_p90,
    quantile_disc(score, 0.5) filter (where rank = 1) as first_score_p50
from read_parquet($recommendations)
group by grouping sets ((), (served_by))
order by subject
