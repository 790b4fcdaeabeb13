-- One row per delivery: how many of its rows were accepted, rejected, duplicates, or wait for a later night. Of the accepted ones,
-- `late` happened more than a day before the newest event that an earlier night had brought, and `capped` go beyond a user's day.
with

judged as (
    select delivery, verdict, occurred_at from staging.judged_interactions
    union all by name
    select delivery, verdict from staging.judged_items
    union all by name
    select delivery, verdict from staging.judged_users
),

newest_of_night as (
    select
        nights.first_night,
        max(interactions.occurred_at) as newest
    from staging.nights as nights
    left join staging.interactions as interactions using (delivery)
    group by nights.first_night
),

known_before as (
    select
        first_night,
        max(newest) over (order by first_night rows between unbounded preceding and 1 preceding) as newest
    from newest_of_night
),

deliveries as (
    select
        deliveries.*,
        known_before.newest - interval 1 day as late_before
    from raw.deliveries as deliveries
    inner join staging.nights using (delivery)
    inner join known_before using (first_night)
),

capped as (
    select
        delivery,
        count(*) as capped
    from staging.interactions
    where is_capped
    group by delivery
)

select
    deliveries.delivery,
    deliveries.source,
    deliveries.name,
    deliveries.sequence,
    deliveries.is_new,
    count(*) filter (where verdict = 'accepted') as accepted,
    count(*) filter (where verdict = 'rejected') as rejected,
    count(*) filter (where verdict = 'duplicate') as duplicates,
    count(*) filter (where verdict = 'waiting') as waiting,
    count(*) filter (where verdict = 'accepted' and occurred_at < late_before) as late,
    coalesce(any_value(capped.capped), 0) as capped
from deliveries
left join judged using (delivery)
left join capped using (delivery)
group by all
order by deliveries.sequence
