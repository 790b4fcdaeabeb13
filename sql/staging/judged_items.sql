-- One row per delivered item row, with its verdict: accepted, rejected (and the first rule it broke) or duplicate.
-- The newest delivery of an item wins, older ones are superseded and count as duplicates; two different rows for one item within
-- one delivery contradict each other, and the first is kept.
with

with_local_times as (
    select
        *,
        local_time(available_from) as local_from,
        local_time(available_until) as local_until
    from raw.items
),

with_instants as (
    select
        *,
        instant(available_from, local_from, $source_zone) as from_instant,
        instant(available_until, local_until, $source_zone) as until_instant
    from with_local_times
),

typed as (
    select
        raw.*,
        deliveries.sequence,
        try_cast(raw.item_id as item_key) as item_key,
        raw.from_instant at time zone 'UTC' as available_from_at,
        raw.until_instant at time zone 'UTC' as available_until_at,
        time_fault(raw.available_from, raw.local_from, raw.from_instant, $source_zone) as from_fault,
        time_fault(raw.available_until, raw.local_until, raw.until_instant, $source_zone) as until_fault,
        {'t': raw.title, 'f': raw.available_from, 'u': raw.available_until, 'y': raw.lat, 'x': raw.lon, 'a': raw.attributes} as content
    from with_instants as raw
    inner join raw.deliveries as deliveries using (delivery)
),

ruled as (
    select
        *,
        case
            when malformed is not null then 'malformed_row'
            when item_id is null then 'item_id_missing'
            when coalesce(cast(item_key as varchar), '') <> item_id then 'item_id_wrong_type'
            when from_fault is not null then 'available_from_' || from_fault
            when until_fault is not null then 'available_until_' || until_fault
            when lat is not null and coalesce(try_cast(lat as double), 999) not between -90 and 90 then 'lat_out_of_range'
            when lon is not null and coalesce(try_cast(lon as double), 999) not between -180 and 180 then 'lon_out_of_range'
        end as rule
    from typed
),

told_apart as (
    select
        *,
        row_number() over (partition by item_key, rule is null order by sequence desc, row_number) as place,
        first_value(content) over (partition by item_key, rule is null, delivery order by row_number) as first_content
    from ruled
),

judged as (
    select
        *,
        coalesce(rule, if(content <> first_content, 'item_id_conflict', null)) as broken_rule
    from told_apart
)

select
    delivery,
    row_number,
    item_key as item_id,
    title,
    available_from_at as available_from,
    available_until_at as available_until,
    try_cast(lat as double) as lat,
    try_cast(lon as double) as lon,
    attributes,
    broken_rule as rule,
    case
        when broken_rule is not null then 'rejected'
        when place = 1 then 'accepted'
        else 'duplicate'
    end as verdict
from judged
