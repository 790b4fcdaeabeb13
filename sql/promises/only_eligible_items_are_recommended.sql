-- Recommendations of items for which a user is not eligible: they share no value of the two attributes of a rule, or lack the value that an
-- item with some value asks for. What is missing on either side is no obstacle, unless the rule is strict.
with

rules as (
    select * from read_parquet($policy_rules)
    where kind = 'eligibility'
),

offered as (
    select
        rules.*,
        recommendations.user_id,
        recommendations.item_id
    from read_parquet($recommendations) as recommendations
    inner join rules on recommendations.variant = rules.variant or rules.variant is null
),

of_items as (
    select
        rules.name,
        rules.variant,
        item_values.item_id,
        list(lower(item_values.value)) as item_has
    from read_parquet($item_values) as item_values
    inner join rules on item_values.attribute = rules.item_attribute
    group by rules.name, rules.variant, item_values.item_id
),

of_users as (
    select
        rules.name,
        rules.variant,
        user_values.user_id,
        list(lower(user_values.value)) as user_has
    from read_parquet($user_values) as user_values
    inner join rules on user_values.attribute = rules.user_attribute
    group by rules.name, rules.variant, user_values.user_id
)

select
    offered.name as rule,
    offered.user_id,
    offered.item_id
from offered
left join of_items
    on
        offered.name = of_items.name
        and offered.variant is not distinct from of_items.variant
        and offered.item_id = of_items.item_id
left join of_users
    on
        offered.name = of_users.name
        and offered.variant is not distinct from of_users.variant
        and offered.user_id = of_users.user_id
where
    case
        when item_has is null and not is_strict then false
        when item_value is not null and item_has is not null and not list_contains(item_has, item_value) then false
        when user_has is null then is_strict
        when item_value is not null then not list_contains(user_has, user_value)
        when item_has is null then true
        else not list_has_any(item_has, user_has)
    end
