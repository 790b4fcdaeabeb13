-- What is wrong with a delivered time, given how local_time and instant read it: null, 'without_zone' (it may mean any of 24 hours),
-- 'missing_hour' (the clocks of the source were set forward past it), 'ambiguous' (they were set back and showed it twice), or
-- 'unreadable'. `at time zone` takes the second of two: earlier by as much as clocks were set back in the day before lies the first.
case
    when delivered is null then null
    when instant_at is null then if(local_at is null, 'unreadable', 'without_zone')
    when local_at is null or not contains(delivered, ':') then null
    when instant_at at time zone source_zone <> local_at then 'missing_hour'
    when (instant_at - interval 1 day) at time zone source_zone + interval 1 day > local_at
        and (instant_at + (local_at - (instant_at - interval 1 day) at time zone source_zone - interval 1 day)) at time zone source_zone
        = local_at then 'ambiguous'
end
