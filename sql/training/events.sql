-- One row per user, item and time; without times one row per user and item. What happened at one instant counts once, with the largest
-- weight. Of what goes beyond a user's day only the items no other event of theirs tells of are kept, as seen and not liked.
-- Sorted: everything built from it is the same whatever order the files came in. `happened` stands for staging.interactions, or for those
-- of them whose user and item something changed for.
with

learned_from as (
    select * from happened where not is_capped
),

only_seen as (
    select capped.*
    from happened as capped
    anti join learned_from using (user_id, item_id)
    where capped.is_capped
),

told as (
    select * from learned_from
    union all
    select * from only_seen
)

select
    users.user_index,
    items.item_index,
    epoch_us(told.occurred_at) as occurred_at,
    max(case when len($event_types) = 0 then 1.0 else map($event_types, $event_weights)[told.event_type] end)::float as weight,
    max(if(told.is_capped, null, told.value))::float as value,
    bool_or(
        not told.is_capped and (told.value is null or $positive_from is null or told.value >= $positive_from)
    ) as positive
from told
inner join training.users as users using (user_id)
inner join training.items as items using (item_id)
group by users.user_index, items.item_index, told.occurred_at
order by users.user_index, items.item_index, told.occurred_at
