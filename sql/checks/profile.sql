-- One row: tonight's interactions and new deliveries in numbers. Where there is nothing to take a share of, it is the best one, so
-- that every number can be held against its bound; nothing at all fails the counts.
with

happened as (
    select
        count(*) as interactions,
        count(distinct user_id) as users,
        count(distinct item_id) as items,
        count(*) filter (where is_capped) as capped_interactions,
        min(occurred_at) as oldest_event,
        max(occurred_at) as newest_event
    from staging.interactions
),

catalogue as (
    select count(*) as items_described from staging.items
),

in_catalogue as (
    select count(*) as interactions_with_known_item
    from staging.interactions
    where item_id in (select item_id from staging.items)
),

judged as (
    select *, accepted + rejected + duplicates + waiting as n_rows
    from staging.volumes
    where is_new
),

new_deliveries as (
    select
        count(*) as new_deliveries,
        coalesce(sum(n_rows), 0)::bigint as new_rows,
        coalesce(sum(late), 0)::bigint as new_late_rows,
        coalesce(max(rejected / n_rows), 0) as worst_rejected_share,
        coalesce(max(duplicates / n_rows), 0) as worst_duplicate_share
    from judged
)

select
    happened.interactions,
    happened.users,
    happened.items,
    happened.oldest_event,
    happened.newest_event,
    happened.capped_interactions,
    catalogue.items_described,
    new_deliveries.*,
    if(
        catalogue.items_described = 0 or happened.interactions = 0, 1, in_catalogue.interactions_with_known_item / happened.interactions
    ) as known_item_share
from happened
cross join catalogue
cross join in_catalogue
cross join new_deliveries
