-- One row per item of the catalogue, as its newest delivery describes it.
select
    item_id,
    title,
    available_from,
    available_until,
    lat,
    lon,
    attributes
from staging.judged_items
where verdict = 'accepted'
