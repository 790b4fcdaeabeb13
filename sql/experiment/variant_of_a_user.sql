-- One row per user: the variant of the experiment that they are in. The first 8 hexadecimal digits of md5(salt:user_id) are the user's
-- point, from 0 to 2^32 - 1, and each variant holds ranges of points. Nothing else about a user counts, nor who else there is.
-- Needs `users` (user_id), `variants` (variant, point_from, point_below: the ranges, as in metrics) and the salt of the experiment.
with

points as (
    select
        user_id,
        ('0x' || left(md5($salt || ':' || user_id::varchar), 8))::bigint as point
    from users
)

select
    points.user_id,
    variants.variant
from points
inner join variants on points.point >= variants.point_from and points.point < variants.point_below
order by points.user_id
