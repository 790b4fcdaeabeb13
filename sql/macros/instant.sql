-- The instant that a delivered text means, null when it means none: epoch seconds, a time with a zone, or, where the source has a time
-- zone, a time without one (`local_at`, as local_time reads it). A date alone is midnight there; where clocks skip midnight, the first
-- instant of that day.
case
    when local_at is not null then local_at at time zone source_zone
    when strlen(delivered) <= 11 and regexp_full_match(delivered, '\d{1,11}') then to_timestamp(try_cast(delivered as bigint))
    when regexp_matches(delivered, '\d:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|UTC|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)$')
        then try_cast(delivered as timestamptz)
end
