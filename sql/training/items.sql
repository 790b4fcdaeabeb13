-- One row per item known tonight, numbered in the order of the ids. Once there is a catalogue, an item missing from it is unknown and
-- is not recommended; an item is available from its first instant up to, not including, its last one.
with

ids as (
    select item_id from staging.items
    union
    select item_id from staging.interactions
),

catalogue as (
    select count(*) > 0 as exists_tonight from staging.items
)

select
    (row_number() over (order by ids.item_id) - 1)::integer as item_index,
    ids.item_id,
    items.title,
    items.lat,
    items.lon,
    items.attributes,
    not catalogue.exists_tonight or items.item_id is not null as is_known,
    coalesce(items.available_from < $known_until, true) and coalesce(items.available_until >= $known_until, true) as is_available
from ids
cross join catalogue
left join staging.items as items using (item_id)
order by item_index
