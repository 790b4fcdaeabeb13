-- No row: the columns of staging.interactions, before anything counts. `changed_in` is the build that brought the row.
select
    delivery,
    row_number,
    user_id,
    item_id,
    occurred_at,
    event_type,
    value,
    null::boolean as is_capped,
    changed_in
from staging.judged_interactions
where false
