-- One row per user whose id is written most like the one asked for, the most alike first; `letters_apart` is how much they differ.
with

ids as (
    select distinct user_id from read_parquet($recommendations)
)

select
    user_id,
    damerau_levenshtein(lower(user_id::varchar), lower($asked)) as letters_apart
from ids
order by letters_apart, user_id
limit $most
