-- What to show each of today's visitors: their list, or what is popular with everybody where they have none. Run inside the workspace
-- folder.
with

known as (
    select user_id, rank, item_id, served_by
    from 'latest/recommendations.parquet'
),

popular as (
    select rank, item_id
    from 'latest/popular_items.parquet'
    where segment = '__all__' and rank <= (select max(rank) from known)
)

select
    visitors.user_id,
    coalesce(known.rank, popular.rank) as rank,
    coalesce(known.item_id, popular.item_id) as item_id,
    coalesce(known.served_by, 'nobody knows them') as served_by
from 'visitors.parquet' as visitors
left join known using (user_id)
left join popular on known.user_id is null
order by visitors.user_id, coalesce(known.rank, popular.rank)
