-- One row per described user, as the newest delivery describes them.
select
    user_id,
    lat,
    lon,
    attributes
from staging.judged_users
where verdict = 'accepted'
