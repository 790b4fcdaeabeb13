-- One row per delivered description of one of some items, with the columns of raw.items.
select
    parse_filename(filename, true) as delivery,
    row_number,
    malformed,
    item_id,
    title,
    available_from,
    available_until,
    lat,
    lon,
    attributes
from read_parquet($files, filename = true)
where list_contains($asked, item_id)
