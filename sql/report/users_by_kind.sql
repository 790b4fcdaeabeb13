-- One row per user who is chosen to be looked up: of each segment and rung of the ladder some, as many kinds of users as there are in turn;
-- who of a kind is chosen is drawn by a hash of the id, the same in every night.
with

drawn as (
    select
        lists.user_id,
        segments.segment,
        lists.served_by,
        row_number() over (
            partition by segments.segment, lists.served_by
            order by md5(lists.user_id::varchar), lists.user_id
        ) as place
    from read_parquet($recommendations) as lists
    inner join derive.segments as segments using (user_id)
    where lists.rank = 1
)

select user_id, segment, served_by
from drawn
order by place, segment, served_by, user_id
limit $most
