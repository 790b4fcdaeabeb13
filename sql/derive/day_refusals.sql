-- One row: the rows, refused and not, of deliveries that the night of a date was the first to take in, whenever that night is made again.
select
    coalesce(sum(volumes.rejected), 0)::bigint as rejected,
    coalesce(sum(volumes.accepted + volumes.duplicates), 0)::bigint as kept
from staging.volumes as volumes
inner join staging.nights as nights using (delivery)
where nights.first_night = $tonight
