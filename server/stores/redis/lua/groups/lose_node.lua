-- Note that the connections of a process are gone, so many at most.
--
-- ARGV: the process; the time to leave for those who have no other; how many.
-- Answers how many are left.

local connections = TAG .. 'N:' .. ARGV[1]
for _, id in ipairs(redis.call('SRANDMEMBER', connections, ARGV[3])) do
  lose(id, tonumber(ARGV[2]))
end
return redis.call('SCARD', connections)
