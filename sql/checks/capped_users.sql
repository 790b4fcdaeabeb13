-- One row per new delivery and user with more events on a day than are learned from, the most first. Users are told by a salted hash
-- of their id: whoever knows an id finds it here, and nobody reads one here.
select
    deliveries.name,
    sha256(interactions.user_id::varchar || interactions.delivery)[:12] as user_hash,
    count(*) as events
from staging.interactions as interactions
inner join raw.deliveries as deliveries using (delivery)
where interactions.is_capped and deliveries.is_new
group by deliveries.sequence, deliveries.name, user_hash
order by events desc, deliveries.sequence, user_hash
limit $most
