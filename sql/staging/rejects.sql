-- One row per refused row of a delivery that no published night has told of yet: which file and row, which rule, and the row itself.
with

refused as (
    select 'interactions' as source, delivery, row_number, rule from staging.judged_interactions where verdict = 'rejected'
    union all
    select 'items' as source, delivery, row_number, rule from staging.judged_items where verdict = 'rejected'
    union all
    select 'users' as source, delivery, row_number, rule from staging.judged_users where verdict = 'rejected'
),

delivered as (
    select 'interactions' as source, delivery, row_number, coalesce(malformed, to_json(raw)::varchar) as raw_row
    from raw.interactions as raw
    union all
    select 'items' as source, delivery, row_number, coalesce(malformed, to_json(raw)::varchar) as raw_row
    from raw.items as raw
    union all
    select 'users' as source, delivery, row_number, coalesce(malformed, to_json(raw)::varchar) as raw_row
    from raw.users as raw
)

select
    refused.source as source,
    deliveries.name as source_file,
    refused.delivery as delivery,
    refused.row_number as row_number,
    refused.rule as rule,
    delivered.raw_row as raw_row
from refused
inner join delivered using (source, delivery, row_number)
inner join raw.deliveries as deliveries on refused.delivery = deliveries.delivery
where not deliveries.reported
order by deliveries.sequence, refused.row_number
