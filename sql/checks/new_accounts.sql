-- One row per night up to tonight that took in interactions: how many of them count, and how many are of users nobody had met before
-- that night.
with

met as (
    select
        interactions.user_id,
        min(nights.first_night) as first_met
    from staging.interactions as interactions
    inner join staging.nights as nights using (delivery)
    group by interactions.user_id
)

select
    nights.first_night as night,
    count(*) as events,
    count(*) filter (where met.first_met = nights.first_night) as of_new_users
from staging.interactions
inner join staging.nights as nights using (delivery)
inner join met using (user_id)
where nights.first_night <= $tonight
group by nights.first_night
order by nights.first_night
