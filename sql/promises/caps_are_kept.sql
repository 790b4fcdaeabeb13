-- Lists that hold more items of one value than a cap allows.
with

caps as (
    select
        name,
        variant,
        item_attribute,
        most
    from read_parquet($policy_rules)
    where kind = 'cap'
),

grouped as (
    select distinct
        caps.name,
        caps.variant,
        caps.most,
        item_values.item_id,
        lower(item_values.value) as value
    from read_parquet($item_values) as item_values
    inner join caps on item_values.attribute = caps.item_attribute
)

select
    recommendations.user_id,
    grouped.name as rule,
    grouped.value,
    count(*) as n_items
from read_parquet($recommendations) as recommendations
inner join grouped
    on recommendations.item_id = grouped.item_id and (recommendations.variant = grouped.variant or grouped.variant is null)
group by recommendations.user_id, grouped.name, grouped.value, grouped.most
having count(*) > grouped.most
