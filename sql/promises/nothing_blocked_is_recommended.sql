-- Recommendations of what nobody, or this user, is to be recommended: blocked items, and items that the user offers.
with

rules as (
    select * from read_parquet($policy_rules)
),

-- Whole numbers with gaps in between come out of data frames as 17.0: of ids that are numbers this means 17.
ids as (
    select
        if((select typeof(any_value(user_id)) from training.users) = 'VARCHAR', '$^', '\.0+$') as no_part_of_user,
        if((select typeof(any_value(item_id)) from training.items) = 'VARCHAR', '$^', '\.0+$') as no_part_of_item
),

blocked_for_user as (
    select
        rules.name as rule,
        rules.variant,
        item_values.item_id::varchar as item_id,
        regexp_replace(item_values.value, ids.no_part_of_user, '') as user_id
    from read_parquet($item_values) as item_values
    cross join ids
    inner join rules on rules.kind = 'users_of_item' and item_values.attribute = rules.item_attribute
    union all
    select
        rules.name as rule,
        rules.variant,
        regexp_replace(user_values.value, ids.no_part_of_item, '') as item_id,
        user_values.user_id::varchar as user_id
    from read_parquet($user_values) as user_values
    cross join ids
    inner join rules on rules.kind = 'items_of_user' and user_values.attribute = rules.user_attribute
)

select
    rules.name as rule,
    recommendations.user_id,
    recommendations.item_id
from read_parquet($recommendations) as recommendations
inner join rules
    on
        rules.kind = 'blocked_item'
        and recommendations.item_id::varchar = rules.item_value
        and (recommendations.variant = rules.variant or rules.variant is null)
union all
select
    blocked_for_user.rule,
    recommendations.user_id,
    recommendations.item_id
from read_parquet($recommendations) as recommendations
inner join blocked_for_user
    on
        recommendations.user_id::varchar = blocked_for_user.user_id
        and recommendations.item_id::varchar = blocked_for_user.item_id
        and (recommendations.variant = blocked_for_user.variant or blocked_for_user.variant is null)
