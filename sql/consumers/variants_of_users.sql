-- The variant of the experiment that each user is in, from nothing but their id, the salt ('spring' here) and the ranges that the night
-- wrote down: the same as in recommendations, also for users who have no list. Run inside the workspace folder.
with

variants as (
    select
        substr(segment, 10) as variant,
        max(case when metric = 'point_from' then value end) as point_from,
        max(case when metric = 'point_below' then value end) as point_below
    from 'latest/metrics.parquet'
    where ranking like 'experiment %' and metric in ('point_from', 'point_below')
    group by segment, k
),

users as (
    select distinct user_id from 'latest/recommendations.parquet'
),

points as (
    select
        user_id,
        ('0x' || left(md5('spring' || ':' || user_id::varchar), 8))::bigint as point
    from users
)

select
    points.user_id,
    variants.variant
from points
inner join variants on points.point >= variants.point_from and points.point < variants.point_below
order by points.user_id
