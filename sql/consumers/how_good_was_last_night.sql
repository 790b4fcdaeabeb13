-- How good the newest lists were on what people went on to like, beside simpler ways to rank. Run inside the workspace folder.
select
    ranking,
    round(value, 4) as ndcg_at_10,
    round(low, 4) as low,
    round(high, 4) as high,
    n_users
from 'latest/metrics.parquet'
where metric = 'ndcg' and segment = '__all__' and k = 10
order by value desc
