-- Take back what a tag does not keep of its grant. Under the tag of the processes.
--
-- ARGV: what, the other tag, how much it keeps, and the version that it has said this of: if it
-- was granted more since, that stands.
-- Answers 1 if it was taken back.

local leases, own = TAG .. 'leases', ARGV[1] .. ':' .. ARGV[2]
local known = redis.call('HGET', leases, own)
local version = known and tonumber(known:match(' (%d+)$')) or 0
if version > tonumber(ARGV[4]) then return 0 end
redis.call('HSET', leases, own, string.format('%s %.0f', ARGV[3], tonumber(ARGV[4]) + 1))
return 1
