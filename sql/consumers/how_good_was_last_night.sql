-- How good the newest lists were on what people went on to like, beside simpler ways to rank. Run inside the workspace folder.
with

judged as (
    select ranking, of_date, value, low, high, n_users
    from 'latest/metrics.parquet'
    where metric = 'ndcg' and segment = '__all__' and k = 10
)

select
    ranking,
    round(value, 4) as ndcg_at_10,
    round(low, 4) as low,
    round(high, 4) as high,
    n_users
from judged
where of_date = (select max(of_date) from judged)
order by value desc, ranking
