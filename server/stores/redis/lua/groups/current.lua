-- The group in which a user is.
--
-- ARGV: user id.
-- Answers the group (packed), or nothing.

local room = redis.call('HGET', TAG .. 'u:' .. bare(ARGV[1]), 'room')
return room and room ~= '' and pack_group(find_group(room))
