-- One row per user with a list tonight or served before: which of the two they have, whether they are in another variant of the experiment
-- now, and whether they did something after what the served lists knew of. Lists served under an older contract know no variants.
with

before as (
    select null::varchar as variant where false
    union all by name
    select * from read_parquet($served)
),

heads_before as (
    select user_id, variant from before where rank = 1
),

heads as (
    select user_id, variant from read_parquet($recommendations) where rank = 1
),

active as (
    select distinct user_id from staging.interactions where occurred_at > $data_through::timestamp
)

select
    user_id,
    heads_before.user_id is not null as had_list,
    heads.user_id is not null as has_list,
    coalesce(heads_before.variant, '') <> coalesce(heads.variant, '') as is_other_variant,
    active.user_id is not null as is_active
from heads_before
full outer join heads using (user_id)
left join active using (user_id)
order by user_id
