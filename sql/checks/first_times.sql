-- One row per new delivery that brings times where no earlier delivery did: with it, every earlier interaction would lack its time.
with

of_delivery as (
    select
        deliveries.sequence,
        deliveries.name,
        deliveries.is_new,
        count(*) as n_rows,
        count(raw.occurred_at) as rows_with_time
    from raw.interactions as raw
    inner join raw.deliveries as deliveries using (delivery)
    group by all
),

earlier as (
    select
        sum(n_rows)::bigint as n_rows,
        sum(rows_with_time)::bigint as rows_with_time
    from of_delivery
    where not is_new
)

select
    of_delivery.name,
    of_delivery.rows_with_time,
    earlier.n_rows as earlier_rows
from of_delivery
cross join earlier
where of_delivery.is_new and of_delivery.rows_with_time > 0 and earlier.rows_with_time = 0
order by of_delivery.sequence
