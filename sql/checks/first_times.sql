-- One row per new delivery that brings times where no earlier delivery did: with it, every earlier interaction would lack its time.
with

of_new_delivery as (
    select
        deliveries.sequence,
        deliveries.name,
        count(raw.occurred_at) as rows_with_time
    from raw.interactions as raw
    inner join raw.deliveries as deliveries using (delivery)
    where deliveries.is_new
    group by all
),

earlier as (
    select
        delivery,
        rows
    from raw.deliveries
    where source = 'interactions' and not is_new
),

earlier_times as (
    select exists(select 1 from raw.interactions semi join earlier using (delivery) where occurred_at is not null) as are_there
)

select
    of_new_delivery.name,
    of_new_delivery.rows_with_time,
    (select sum(rows)::bigint from earlier) as earlier_rows
from of_new_delivery
cross join earlier_times
where of_new_delivery.rows_with_time > 0 and not earlier_times.are_there and (select count(*) from earlier) > 0
order by of_new_delivery.sequence
