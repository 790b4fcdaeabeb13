-- One row per item known tonight, numbered in the order of the ids. Once there is a catalogue, an item missing from it is unknown and
-- is not recommended; an item is available from its first instant up to, not including, its last one, unless an attribute of it, which may
-- list several values, has one of those that say otherwise.
with

ids as (
    select item_id from staging.items
    union
    select item_id from staging.interactions
),

catalogue as (
    select count(*) > 0 as exists_tonight from staging.items
),

attributes as (
    select
        item_id,
        from_json(attributes, '"MAP(VARCHAR, VARCHAR)"') as delivered
    from staging.items
    where len($flag_names) > 0
),

told as (
    select
        item_id,
        unnest(map_keys(delivered)) as name,
        unnest(map_values(delivered)) as delivered
    from attributes
),

flagged as (
    select distinct item_id
    from told
    where
        list_has_any(
            map($flag_names, $flag_values)[lower(name)]::varchar[],
            list_transform(listed(delivered, $separator), lambda part: lower(trim(part)))
        )
)

select
    (row_number() over (order by ids.item_id) - 1)::integer as item_index,
    ids.item_id,
    items.title,
    items.lat,
    items.lon,
    items.attributes,
    not catalogue.exists_tonight or items.item_id is not null as is_known,
    coalesce(items.available_from < $known_until, true)
    and coalesce(items.available_until >= $known_until, true)
    and flagged.item_id is null as is_available,
    epoch_us(items.available_from) as available_from
from ids
cross join catalogue
left join staging.items as items using (item_id)
left join flagged using (item_id)
order by item_index
