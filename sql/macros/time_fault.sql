-- What is wrong with a delivered time: null, 'without_zone' (it reads, but may mean any of 24 hours) or 'unreadable'.
case
    when delivered is null or utc_time(delivered, source_zone) is not null then null
    when source_zone is null and try_cast(delivered as timestamp) is not null then 'without_zone'
    else 'unreadable'
end
