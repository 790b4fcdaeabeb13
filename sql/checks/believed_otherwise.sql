-- One row: how many judged interactions the clock of tonight would call from the future where another night did not, or the other way
-- round. A row that breaks a rule before that one may be counted too: then everything is judged anew, which is never wrong.
select count(*) as n_rows
from staging.judged_interactions as judged
inner join staging.nights as nights using (delivery)
where
    (judged.occurred_at > $future_after or judged.rule = 'occurred_at_in_future')
    and (judged.rule is not distinct from 'occurred_at_in_future')
    <> (judged.occurred_at > $future_after and judged.occurred_at >= nights.first_night + interval 1 day)
