-- One row: whether any delivered interaction carries a time. Once one does, an interaction without a time is an error.
select coalesce(bool_or(occurred_at is not null), false) as has_times
from raw.interactions
