-- One row per item whose share of tonight's new interactions is so many times its share of the four weeks before, most of it from
-- users nobody had met before tonight. An item without any interaction in those weeks counts as if it had one.
with

recent as (
    select
        interactions.item_id,
        interactions.user_id,
        nights.first_night = $tonight as is_tonight
    from staging.interactions as interactions
    inner join staging.nights as nights using (delivery)
    where nights.first_night <= $tonight and nights.first_night >= $tonight - 28
),

users_of_tonight as (
    select distinct user_id from recent where is_tonight
),

known_users as (
    select distinct interactions.user_id
    from staging.interactions as interactions
    inner join staging.nights as nights using (delivery)
    semi join users_of_tonight on interactions.user_id = users_of_tonight.user_id
    where nights.first_night < $tonight
),

totals as (
    select
        count(*) filter (where is_tonight) as events,
        count(*) filter (where not is_tonight) as earlier_events
    from recent
),

new_tonight as (
    select
        recent.item_id,
        count(*) as of_new_users
    from recent
    anti join known_users using (user_id)
    where recent.is_tonight
    group by recent.item_id
),

of_item as (
    select
        item_id,
        count(*) filter (where is_tonight) as events,
        count(*) filter (where not is_tonight) as earlier_events
    from recent
    group by item_id
)

select
    of_item.item_id::varchar as item_id,
    of_item.events,
    of_item.earlier_events,
    new_tonight.of_new_users,
    totals.events as all_events,
    totals.earlier_events as all_earlier_events
from of_item
inner join new_tonight using (item_id)
cross join totals
where
    of_item.events >= $min_events
    and new_tonight.of_new_users * 2 > of_item.events
    and of_item.events * totals.earlier_events >= $factor * greatest(of_item.earlier_events, 1) * totals.events
    and totals.earlier_events > 0
order by of_item.events desc, of_item.item_id
