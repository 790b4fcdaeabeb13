-- One row: the time of the newest interaction that counts tonight, null without times.
select max(occurred_at) as newest_event
from staging.interactions
