-- Take note of a grant, unless a later one is known.
--
-- ARGV: what, grant, version.

local what, version = ARGV[1], tonumber(ARGV[3])
local known = tonumber(redis.call('HGET', TAG .. 'books', what .. '_version') or 0)
if version > known then
  redis.call('HSET', TAG .. 'books', what .. '_granted', ARGV[2], what .. '_version', ARGV[3])
end
return redis.status_reply('OK')
