-- Candidates that are told to be absent although they are recommended, or absent for nothing but their score although it beats the last
-- place of the list or the list is not full. Candidates' scores are rounded to float32.
with

lists as (
    select
        user_id,
        count(*) as n_rows,
        min(score) as last_score
    from read_parquet($recommendations)
    group by user_id
),

listed as (
    select
        absent.user_id,
        absent.item_id,
        absent.cause
    from read_parquet($why_not) as absent
    semi join read_parquet($recommendations) as recommendations using (user_id, item_id)
),

better as (
    select
        absent.user_id,
        absent.item_id,
        absent.cause
    from read_parquet($why_not) as absent
    left join lists using (user_id)
    where
        absent.cause = 'rank'
        and (coalesce(lists.n_rows, 0) < $k or absent.score > lists.last_score + 1e-4 * (1 + abs(lists.last_score)))
)

select * from listed
union all
select * from better
