-- What a delivered text lists, as texts: the parts of a JSON list, or what stands between separators.
case
    when starts_with(delivered, '[') and json_valid(delivered) then from_json(delivered, '["VARCHAR"]')
    else string_split(delivered, between)
end
