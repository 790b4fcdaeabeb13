-- One row per delivered interaction of some users, whatever is wrong with it, with the columns of raw.interactions.
select
    parse_filename(filename, true) as delivery,
    row_number,
    malformed,
    user_id,
    item_id,
    occurred_at,
    event_type,
    value,
    event_id,
    attributes
from read_parquet($files, filename = true)
where user_id in (select unnest($asked::varchar[]))
