-- A bounded sample of tonight's interactions, one row each: in the order of a hash, so that the same night shows the same rows.
select
    delivery,
    row_number,
    user_id,
    item_id,
    occurred_at,
    event_type,
    value
from staging.interactions
order by hash(delivery, row_number), delivery, row_number
limit $sample_rows
