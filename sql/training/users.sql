-- One row per user who gets recommendations: everyone described and everyone who ever did something. Numbered in the order of their
-- ids, so that the number of a user never depends on which file came first.
with

ids as (
    select user_id from staging.users
    union
    select user_id from staging.interactions
)

select
    (row_number() over (order by ids.user_id) - 1)::integer as user_index,
    ids.user_id,
    users.lat,
    users.lon,
    users.attributes
from ids
left join staging.users as users using (user_id)
order by user_index
