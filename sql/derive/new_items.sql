-- One row per item that could not be on the lists served before, because nobody knew it: it became available after what they knew of or,
-- where no time is set for that, was first met after it. An item that could be shown the night before, as that night's exposure tells,
-- was known; where there are no times to go by, all others were not.
with

first_met as (
    select
        item_id,
        min(occurred_at) as first_met_at
    from staging.interactions
    group by item_id
),

known_before as (
    select item_id from read_parquet($exposure_before)
)

select items.item_id
from training.items as items
left join staging.items as described using (item_id)
left join first_met using (item_id)
anti join known_before using (item_id)
where
    coalesce(
        described.available_from > $data_through::timestamp,
        first_met.first_met_at > $data_through::timestamp,
        exists (from known_before)
    )
order by items.item_id
