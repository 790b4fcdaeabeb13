-- One row per user whose simulated list is short, the shortest first: its places and those of the published one, the reason, and for what
-- most of the user's candidates were left out; at most so many users.
with

short as (
    select
        subject as user_id,
        value::integer as places,
        reason
    from read_parquet($coverage)
    where fact = 'short_list'
    order by places, user_id
    limit $most
),

published as (
    select
        user_id::varchar as user_id,
        count(*) as places
    from read_parquet($recommendations)
    group by user_id
),

causes as (
    select
        user_id::varchar as user_id,
        cause,
        rule,
        count(*) as n_candidates
    from read_parquet($why_not)
    where user_id::varchar in (select user_id from short)
    group by user_id, cause, rule
),

foremost as (
    select
        user_id,
        cause,
        rule,
        n_candidates
    from causes
    qualify row_number() over (partition by user_id order by n_candidates desc, cause, rule) = 1
)

select
    short.user_id,
    coalesce(published.places, 0)::integer as places_before,
    short.places as places_after,
    short.reason,
    foremost.cause,
    foremost.rule,
    coalesce(foremost.n_candidates, 0)::integer as n_candidates
from short
left join published on short.user_id = published.user_id
left join foremost on short.user_id = foremost.user_id
order by short.places, short.user_id
