-- One row per user of whose list most is new since the lists served before; whoever had none then is left out. At most so many.
select
    changes.user_id,
    segments.segment,
    count(*) as n_entered
from read_parquet($changes) as changes
inner join derive.segments as segments using (user_id)
where changes.change = 'entered' and changes.cause <> 'new_user'
group by changes.user_id, segments.segment
order by n_entered desc, changes.user_id
limit $most
