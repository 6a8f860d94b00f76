-- Note that the connections of a process are gone, so many at most.
--
-- ARGV: the process; the time to leave for those who have no other; how many.
-- Answers how many it were.

local connections = TAG .. 'N:' .. ARGV[1]
local found = redis.call('SRANDMEMBER', connections, ARGV[3])
for _, id in ipairs(found) do
  lose(id, tonumber(ARGV[2]), ARGV[1])
end
return #found
