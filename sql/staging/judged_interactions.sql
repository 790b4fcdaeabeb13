-- One row per delivered interaction of some deliveries, with its verdict: accepted, rejected (and the first rule it broke), duplicate, or
-- waiting (it happened after tonight's horizon; a later night counts it). What was judged before stands and comes before them all.
-- What an earlier night took in is not from the future because this night's clock is behind: up to that night's end it is believed.
-- Copies are told by event_id where there is one, else by the whole content; the copy delivered first is kept.
with

asked as (
    select unnest($deliveries) as delivery
),

delivered as (
    select raw.*
    from raw.interactions as raw
    semi join asked using (delivery)
),

-- Steps of their own, since what is written inside another expression is worked out again wherever it stands.
with_local_time as (
    select
        *,
        local_time(occurred_at) as local_at
    from delivered
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
        likeness(event_id, content) as likeness,
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

likenesses as (
    select
        likeness,
        count(*) > 1 as is_repeated
    from ruled
    where rule is null
    group by likeness
),

judged_before as (
    select
        delivery,
        row_number,
        event_id,
        {'user': user_id, 'item': item_id, 'at': occurred_at, 'type': event_type, 'value': value} as content,
        likeness(event_id, content) as likeness
    from staging.judged_interactions
    where is_first
),

met_again as materialized (
    select *
    from judged_before
    semi join likenesses using (likeness)
),

-- Most events have no copy: only those that are alike in a hash are told apart by what they hold.
alike as (
    select likeness from likenesses where is_repeated
    union
    select likeness from met_again
),

contenders as (
    select
        delivery,
        row_number,
        event_id,
        content,
        sequence,
        true as is_new
    from ruled
    semi join alike using (likeness)
    where rule is null
    union all
    select
        delivery,
        row_number,
        event_id,
        content,
        -1 as sequence,
        false as is_new
    from met_again
),

placed as (
    select
        delivery,
        row_number,
        is_new,
        row_number() over (partition by event_id, if(event_id is null, content, null) order by sequence, row_number) = 1 as is_first,
        event_id is not null
        and content <> first_value(content) over (partition by event_id order by sequence, row_number) as is_conflict
    from contenders
),

again as (
    select * from placed where is_new and not is_first
),

judged as (
    select
        ruled.*,
        coalesce(ruled.rule, if(again.is_conflict, 'event_id_conflict', null)) as broken_rule,
        ruled.rule is null and again.delivery is null as is_first
    from ruled
    left join again on ruled.delivery = again.delivery and ruled.row_number = again.row_number
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
        when is_first then 'accepted'
        else 'duplicate'
    end as verdict,
    is_first,
    $build::integer as changed_in
from judged
