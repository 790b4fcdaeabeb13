-- The time without zone that a delivered text means, null when it means none. A text ending in Z has a zone; to look at its end first
-- spares most of them the expression.
case
    when not ends_with(delivered, 'Z') and regexp_full_match(delivered, '\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?\s*')
        then try_cast(delivered as timestamp)
end
