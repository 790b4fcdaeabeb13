-- No row: the columns of staging.judged_interactions, before anything is judged. `is_first` marks the copy of an event that is kept, once
-- it happened before a night's horizon; `changed_in` is the build in which the row got its verdict.
select
    null::varchar as delivery,
    null::bigint as row_number,
    null::user_key as user_id,
    null::item_key as item_id,
    null::timestamp as occurred_at,
    null::varchar as event_type,
    null::double as value,
    null::varchar as event_id,
    null::varchar as rule,
    null::varchar as verdict,
    null::boolean as is_first,
    null::integer as changed_in
where false
