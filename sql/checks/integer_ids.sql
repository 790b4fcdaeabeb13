-- One row: whether every delivered user id and every item id is a plain whole number that fits 64 bits ("007" and "+7" are not).
-- Interactions, items and users count alike: an id means the same wherever it stands.
with

ids as (
    select user_id, item_id from raw.interactions
    union all by name
    select item_id from raw.items
    union all by name
    select user_id from raw.users
)

select
    coalesce(bool_and(coalesce(cast(try_cast(user_id as bigint) as varchar), '') = user_id), true) as user_id,
    coalesce(bool_and(coalesce(cast(try_cast(item_id as bigint) as varchar), '') = item_id), true) as item_id
from ids
