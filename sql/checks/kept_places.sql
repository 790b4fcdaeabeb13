-- One row per (places, kept): how many users were served `places` items that might still be shown to them tonight, and are shown `kept` of
-- these again. Items that have left the catalogue, are not available or were met since do not count; users without a list tonight neither.
with

still_fit as (
    select
        served.user_id,
        served.item_id
    from read_parquet($served) as served
    semi join training.items as items on served.item_id = items.item_id and items.is_known and items.is_available
    anti join staging.interactions as met on served.user_id = met.user_id and served.item_id = met.item_id
    where served.rank <= $k
),

of_users as (
    select
        still_fit.user_id,
        count(*) as places,
        count(tonight.item_id) as kept
    from still_fit
    semi join read_parquet($recommendations) as has_list on still_fit.user_id = has_list.user_id
    left join read_parquet($recommendations) as tonight
        on still_fit.user_id = tonight.user_id and still_fit.item_id = tonight.item_id
    group by still_fit.user_id
)

select
    places,
    kept,
    count(*) as n_users
from of_users
group by places, kept
order by places, kept
