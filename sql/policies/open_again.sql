-- One row per user and item that met and may be recommended again: none of their events keeps the item out of the user's list.
-- An event does so from an instant on that its type tells ($seen_since, in the order of $seen_types; $seen_since_default for all other
-- types and for events without one). Where nothing tells when an event happened, only a type that never keeps anything out lets it be.
-- Not run where every event keeps its item out for ever.
with

kept_out as (
    select
        user_id,
        item_id,
        bool_or(
            coalesce(occurred_at, $known_until::timestamp) >= coalesce(
                map($seen_types::varchar[], $seen_since::timestamp[])[event_type], $seen_since_default::timestamp
            )
        ) as is_kept_out
    from staging.interactions
    group by user_id, item_id
)

select
    users.user_index,
    items.item_index
from kept_out
inner join training.users as users using (user_id)
inner join training.items as items using (item_id)
where not kept_out.is_kept_out
order by users.user_index, items.item_index
