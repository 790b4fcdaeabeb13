-- One row per delivered interaction, with its verdict: accepted, rejected (and the first rule it broke), duplicate, or waiting
-- (it happened after tonight's horizon; a later night counts it).
-- What an earlier night took in is not from the future because this night's clock is behind: up to that night's end it is believed.
-- Copies are told by event_id where there is one, else by the whole content; the copy delivered first is kept.
with

-- Steps of their own, since what is written inside another expression is worked out again wherever it stands.
with_local_time as (
    select
        *,
        local_time(occurred_at) as local_at
    from raw.interactions
),

with_instant as (
    select
        *,
        instant(occurred_at, local_at, $source_zone) as instant_at
    from with_local_time
),

typed as (
    select
        raw.delivery,
        deliveries.sequence,
        if(deliveries.is_new, null, nights.first_night + interval 1 day) as believed_before,
        raw.row_number,
        raw.malformed is not null as is_malformed,
        raw.user_id as delivered_user_id,
        raw.item_id as delivered_item_id,
        try_cast(raw.user_id as user_key) as user_id,
        try_cast(raw.item_id as item_key) as item_id,
        raw.occurred_at as delivered_time,
        raw.instant_at at time zone 'UTC' as occurred_at,
        time_fault(raw.occurred_at, raw.local_at, raw.instant_at, $source_zone) as time_fault,
        raw.event_type,
        raw.value as delivered_value,
        try_cast(raw.value as double) as value,
        raw.event_id
    from with_instant as raw
    inner join raw.deliveries as deliveries using (delivery)
    inner join staging.nights as nights using (delivery)
),

ruled as materialized (
    select
        *,
        {'user': user_id, 'item': item_id, 'at': occurred_at, 'type': event_type, 'value': value} as content,
        if(event_id is null, hash(content), hash(event_id)) as likeness,
        case
            when is_malformed then 'malformed_row'
            when delivered_user_id is null then 'user_id_missing'
            when delivered_item_id is null then 'item_id_missing'
            when coalesce(cast(user_id as varchar), '') <> delivered_user_id then 'user_id_wrong_type'
            when coalesce(cast(item_id as varchar), '') <> delivered_item_id then 'item_id_wrong_type'
            when $has_times and delivered_time is null then 'occurred_at_missing'
            when time_fault is not null then 'occurred_at_' || time_fault
            when occurred_at > $future_after and coalesce(occurred_at >= believed_before, true) then 'occurred_at_in_future'
            when occurred_at < $earliest then 'occurred_at_too_early'
            when len($event_types) > 0 and not list_contains($event_types, coalesce(event_type, '')) then 'event_type_unknown'
            when delivered_value is not null and value is null then 'value_unreadable'
            when not isfinite(value) then 'value_not_finite'
            when value < 0 or value > $max_value then 'value_out_of_range'
        end as rule
    from typed
),

-- Most events have no copy: only those that are alike in a hash are told apart by what they hold.
alike as (
    select likeness
    from ruled
    where rule is null
    group by likeness
    having count(*) > 1
),

told_apart as (
    select
        *,
        1 as copy,
        false as is_conflict
    from ruled
    where rule is not null
    union all
    select
        *,
        1 as copy,
        false as is_conflict
    from ruled
    anti join alike using (likeness)
    where rule is null
    union all
    select
        *,
        row_number() over (partition by event_id, if(event_id is null, content, null) order by sequence, row_number) as copy,
        event_id is not null
        and content <> first_value(content) over (partition by event_id order by sequence, row_number) as is_conflict
    from ruled
    semi join alike using (likeness)
    where rule is null
),

judged as (
    select
        *,
        coalesce(rule, if(is_conflict, 'event_id_conflict', null)) as broken_rule
    from told_apart
)

select
    delivery,
    row_number,
    user_id,
    item_id,
    occurred_at,
    event_type,
    value,
    event_id,
    broken_rule as rule,
    case
        when broken_rule is not null then 'rejected'
        when occurred_at >= $known_until then 'waiting'
        when copy = 1 then 'accepted'
        else 'duplicate'
    end as verdict
from judged
