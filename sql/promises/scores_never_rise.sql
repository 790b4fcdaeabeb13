-- Places of a list that score more than the place before. The tables are sorted by owner and rank, which the contract has proven before,
-- so that each place is compared with the row before it.
with

recommended_places as (
    select
        user_id,
        rank,
        score,
        lag(score) over () as score_before,
        coalesce(user_id = lag(user_id) over (), false) as goes_on
    from read_parquet($recommendations)
),

similar_places as (
    select
        item_id,
        rank,
        score,
        lag(score) over () as score_before,
        coalesce(item_id = lag(item_id) over (), false) as goes_on
    from read_parquet($similar_items)
),

popular_places as (
    select
        segment,
        rank,
        score,
        lag(score) over () as score_before,
        coalesce(segment = lag(segment) over (), false) as goes_on
    from read_parquet($popular_items)
),

audience_places as (
    select
        item_id,
        rank,
        score,
        lag(score) over () as score_before,
        coalesce(item_id = lag(item_id) over (), false) as goes_on
    from read_parquet($item_audience)
)

select 'recommendations' as list, user_id::varchar as owner, rank, score from recommended_places where goes_on and score > score_before
union all
select 'similar_items' as list, item_id::varchar as owner, rank, score from similar_places where goes_on and score > score_before
union all
select 'popular_items' as list, segment as owner, rank, score from popular_places where goes_on and score > score_before
union all
select 'item_audience' as list, item_id::varchar as owner, rank, score from audience_places where goes_on and score > score_before
