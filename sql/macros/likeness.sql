-- A hash that is equal for copies of one event: of its id where it has one, else of all it says. Others may share it by chance.
if(event_id is null, hash(content), hash(event_id))
