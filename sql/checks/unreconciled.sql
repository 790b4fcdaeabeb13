-- One row per delivery whose rows did not all end somewhere: read from the file <> accepted + rejected + duplicates + waiting.
select
    deliveries.name,
    deliveries.source,
    deliveries.rows as rows_read,
    coalesce(volumes.accepted + volumes.rejected + volumes.duplicates + volumes.waiting, 0) as rows_judged
from raw.deliveries as deliveries
left join staging.volumes as volumes using (delivery, source)
where rows_read <> rows_judged
order by deliveries.sequence
