-- One row: whether any delivered interaction carries a time. Once one does, an interaction without a time is an error.
select exists(select 1 from raw.interactions where occurred_at is not null) as has_times
