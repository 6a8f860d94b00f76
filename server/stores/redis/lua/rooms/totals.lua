-- How much there is under a tag.
--
-- Answers rooms, members and bytes.

local found = redis.call('HMGET', BOOKS, 'rooms', 'members', 'bytes')
return { tonumber(found[1] or 0), tonumber(found[2] or 0), tonumber(found[3] or 0) }
