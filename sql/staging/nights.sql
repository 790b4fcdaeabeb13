-- One row per delivery: the night that took it in.
select
    unnest($deliveries) as delivery,
    unnest($nights)::date as first_night
