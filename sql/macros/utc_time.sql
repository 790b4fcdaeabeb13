-- The UTC time that a delivered text means, null when it means none: epoch seconds, a time with a zone, or, where the source has
-- a time zone, a time without one. A date alone is midnight there.
case
    when regexp_full_match(delivered, '\d{1,11}') then to_timestamp(try_cast(delivered as bigint))
    when regexp_matches(delivered, '\d:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|UTC|[+-]\d{2}(:?\d{2})?)$') then try_cast(delivered as timestamptz)
    when source_zone is not null then try_cast(delivered as timestamp) at time zone source_zone
end at time zone 'UTC'
