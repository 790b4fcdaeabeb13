-- One row per new delivery of interactions whose ids are known far more often once user_id and item_id change places.
-- Known users and items come from what earlier deliveries brought and from the descriptions; without either nothing can be told,
-- nor can it where both are whole numbers from the same range.
with

earlier as (
    select delivery from raw.deliveries where not is_new
),

-- Distinct before they are spelled out: there are far fewer ids than interactions.
earlier_users as (
    select distinct user_id
    from staging.interactions
    semi join earlier using (delivery)
),

earlier_items as (
    select distinct item_id
    from staging.interactions
    semi join earlier using (delivery)
),

known_users as (
    select user_id::varchar as id from earlier_users
    union
    select user_id::varchar as id from staging.users
),

known_items as (
    select item_id::varchar as id from earlier_items
    union
    select item_id::varchar as id from staging.items
),

tonight as (
    select
        (select count(*) from known_users) > 0 as any_users,
        (select count(*) from known_items) > 0 as any_items
),

looked_up as (
    select
        deliveries.sequence,
        deliveries.name,
        raw.user_id in (select id from known_users) as user_is_user,
        raw.item_id in (select id from known_items) as item_is_item,
        raw.user_id in (select id from known_items) as user_is_item,
        raw.item_id in (select id from known_users) as item_is_user
    from raw.interactions as raw
    inner join raw.deliveries as deliveries using (delivery)
    where deliveries.is_new and raw.user_id is not null and raw.item_id is not null
),

shares as (
    select
        sequence,
        name,
        count(*) as n_rows,
        -- least passes over null: with a catalogue and no history only the items speak.
        least(
            if(bool_and(tonight.any_users), count(*) filter (where user_is_user), null),
            if(bool_and(tonight.any_items), count(*) filter (where item_is_item), null)
        ) / count(*) as known_as_delivered,
        least(
            if(bool_and(tonight.any_items), count(*) filter (where user_is_item), null),
            if(bool_and(tonight.any_users), count(*) filter (where item_is_user), null)
        ) / count(*) as known_swapped
    from looked_up
    cross join tonight
    group by all
)

select
    name,
    known_as_delivered,
    known_swapped
from shares
where n_rows >= $min_rows and known_swapped > known_as_delivered + $margin
order by sequence
