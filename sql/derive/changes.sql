-- One row per user and item that entered or left the user's list, or moved in it, since the lists served before, and why; of the users from
-- one id to another. The first cause that holds is named: what forced the change, then what the models may have gone by, and last these.
with

before as (
    select * from read_parquet($served) where user_id between $first_user and $last_user
),

tonight as (
    select * from read_parquet($recommendations) where user_id between $first_user and $last_user
),

places as (
    select
        user_id,
        item_id,
        before.rank as rank_before,
        tonight.rank as rank,
        tonight.policy > 0 as is_lifted,
        sign(tonight.policy) <> sign(before.policy) as is_lifted_otherwise,
        tonight.policy > coalesce(before.policy, 0) as is_raised
    from before
    full outer join tonight using (user_id, item_id)
    where before.rank is distinct from tonight.rank
),

-- What left and was met in a way that keeps it out of the list tonight; the type of the event says how long it does.
met as (
    select distinct places.user_id, places.item_id
    from places
    inner join staging.interactions as interactions using (user_id, item_id)
    where
        places.rank is null
        and coalesce(interactions.occurred_at, $known_until::timestamp) >= coalesce(
            map($seen_types::varchar[], $seen_since::timestamp[])[interactions.event_type], $seen_since_default::timestamp
        )
),

-- What an item was left out by tonight, and what the ones that entered were left out by before.
left_out as (
    select user_id, item_id, true as is_tonight, rule from read_parquet($why_not)
    where user_id between $first_user and $last_user and cause not in ('rank', 'seen', 'unavailable')
    union all
    select user_id, item_id, false as is_tonight, rule from read_parquet($why_not_before)
    where user_id between $first_user and $last_user and cause <> 'rank'
),

explained as (
    select
        places.*,
        lists.* exclude (user_id),
        left_out.rule,
        places.rank is null and met.user_id is not null as is_seen,
        places.rank is null and not coalesce(items.is_known and items.is_available, false) as is_unavailable,
        places.rank_before is null and new_items.item_id is not null as is_new
    from places
    inner join derive.lists as lists using (user_id)
    left join training.items as items using (item_id)
    left join derive.new_items as new_items using (item_id)
    left join met using (user_id, item_id)
    left join left_out
        on
            places.user_id = left_out.user_id
            and places.item_id = left_out.item_id
            and ((places.rank is null and left_out.is_tonight) or (places.rank_before is null and not left_out.is_tonight))
)

select
    user_id,
    item_id,
    case when rank_before is null then 'entered' when rank is null then 'left' else 'moved' end as change,
    rank_before,
    rank,
    case
        when not has_list then 'user_gone'
        when is_seen then 'seen'
        when is_unavailable then 'unavailable'
        when not had_list then 'new_user'
        when is_new then 'new_item'
        when rule is not null or (rank_before is null and is_lifted) or is_lifted_otherwise then 'policy'
        when is_other_variant then 'variant'
        when is_active then 'new_event'
        else 'models'
    end as cause,
    if(cause = 'policy', coalesce(rule, if(is_raised, 'raised', 'lowered')), '') as detail
from explained
order by user_id, item_id
