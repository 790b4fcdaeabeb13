-- One row per user, item and time; without times one row per user and item. What happened at one instant counts once, with the largest
-- weight. Sorted: everything built from it is the same whatever order the files came in.
select
    users.user_index,
    items.item_index,
    epoch_us(interactions.occurred_at) as occurred_at,
    max(case when len($event_types) = 0 then 1.0 else map($event_types, $event_weights)[interactions.event_type] end)::float as weight,
    max(interactions.value)::float as value,
    bool_or(interactions.value is null or $positive_from is null or interactions.value >= $positive_from) as positive
from staging.interactions as interactions
inner join training.users as users using (user_id)
inner join training.items as items using (item_id)
group by users.user_index, items.item_index, interactions.occurred_at
order by users.user_index, items.item_index, interactions.occurred_at
