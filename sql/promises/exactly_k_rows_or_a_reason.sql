-- Users whose list is not K long, unless the coverage table records just that length and why.
with

lists as (
    select cast(user_id as varchar) as subject, count(*) as n_rows
    from read_parquet($recommendations)
    group by user_id
),

reasons as (
    select subject, value as n_rows
    from read_parquet($coverage)
    where fact = 'short_list' and reason <> ''
)

select lists.subject as user_id, lists.n_rows
from lists
left join reasons using (subject, n_rows)
where lists.n_rows > $k or (lists.n_rows < $k and reasons.subject is null)
