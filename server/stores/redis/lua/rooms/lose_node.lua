-- Note that connections of a process are gone, since it is.
--
-- ARGV: node, now, how many at most.
-- Answers how many there were.

local node, now_ms = ARGV[1], tonumber(ARGV[2])
local found = redis.call('SRANDMEMBER', TAG .. 'n:' .. node, ARGV[3])
for _, attached in ipairs(found) do
  local connection_id, room_id = attached:match('^(%Z*)%z(.*)$')
  lose(room_id, connection_id, node, now_ms)
end
return #found
