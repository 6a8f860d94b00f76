-- Keep of a grant only what is held.
--
-- ARGV: what, and the version of the grant as the processes know it.
-- Answers what is kept, and the version with which it may be given back.

local what, version = ARGV[1], tonumber(ARGV[2])
local held, known = unpack(redis.call('HMGET', TAG .. 'books', what, what .. '_version'))
held = math.max(0, tonumber(held or 0))
version = math.max(version, tonumber(known or 0))
-- A grant of that version that is still on its way here will not be taken.
redis.call('HSET', TAG .. 'books',
  what .. '_granted', string.format('%.0f', held),
  what .. '_version', string.format('%.0f', version))
return { held, version }
