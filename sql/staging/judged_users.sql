-- One row per delivered user row, with its verdict; the rules of staging.judged_items, for users.
with

typed as (
    select
        raw.*,
        deliveries.sequence,
        try_cast(raw.user_id as user_key) as user_key,
        {'y': raw.lat, 'x': raw.lon, 'a': raw.attributes} as content
    from raw.users as raw
    inner join raw.deliveries as deliveries using (delivery)
),

ruled as (
    select
        *,
        case
            when malformed is not null then 'malformed_row'
            when user_id is null then 'user_id_missing'
            when coalesce(cast(user_key as varchar), '') <> user_id then 'user_id_wrong_type'
            when lat is not null and coalesce(try_cast(lat as double), 999) not between -90 and 90 then 'lat_out_of_range'
            when lon is not null and coalesce(try_cast(lon as double), 999) not between -180 and 180 then 'lon_out_of_range'
        end as rule
    from typed
),

told_apart as (
    select
        *,
        row_number() over (partition by user_key, rule is null order by sequence desc, row_number) as place,
        first_value(content) over (partition by user_key, rule is null, delivery order by row_number) as first_content
    from ruled
),

judged as (
    select
        *,
        coalesce(rule, if(content <> first_content, 'user_id_conflict', null)) as broken_rule
    from told_apart
)

select
    delivery,
    row_number,
    user_key as user_id,
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
