-- Places of a list whose ranks are not 1, 2, 3, ... The tables are sorted by owner and rank, which the contract has proven before, so that
-- each place is compared with the row before it.
with

recommended_places as (
    select
        user_id,
        rank,
        lag(rank) over () as rank_before,
        coalesce(user_id = lag(user_id) over (), false) as goes_on
    from read_parquet($recommendations)
),

similar_places as (
    select
        item_id,
        rank,
        lag(rank) over () as rank_before,
        coalesce(item_id = lag(item_id) over (), false) as goes_on
    from read_parquet($similar_items)
),

popular_places as (
    select
        segment,
        rank,
        lag(rank) over () as rank_before,
        coalesce(segment = lag(segment) over (), false) as goes_on
    from read_parquet($popular_items)
),

audience_places as (
    select
        item_id,
        rank,
        lag(rank) over () as rank_before,
        coalesce(item_id = lag(item_id) over (), false) as goes_on
    from read_parquet($item_audience)
)

select 'recommendations' as list, user_id::varchar as owner, rank from recommended_places where rank <> if(goes_on, rank_before + 1, 1)
union all
select 'similar_items' as list, item_id::varchar as owner, rank from similar_places where rank <> if(goes_on, rank_before + 1, 1)
union all
select 'popular_items' as list, segment as owner, rank from popular_places where rank <> if(goes_on, rank_before + 1, 1)
union all
select 'item_audience' as list, item_id::varchar as owner, rank from audience_places where rank <> if(goes_on, rank_before + 1, 1)
