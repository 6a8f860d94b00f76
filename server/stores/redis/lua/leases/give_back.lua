-- Take back what tags do not keep of their grants. Under the tag of the processes.
--
-- ARGV: what; then of each other tag: it, how much it keeps, and the version that it has said this
-- of: if it was granted more since, that stands.
-- Answers from how many it was taken back.

local leases, count = TAG .. 'leases', 0
for number = 2, #ARGV, 3 do
  local own, kept, version = ARGV[1] .. ':' .. ARGV[number], ARGV[number + 1], ARGV[number + 2]
  local known = redis.call('HGET', leases, own)
  local newest = known and tonumber(known:match(' (%d+)$')) or 0
  if newest <= tonumber(version) then
    redis.call('HSET', leases, own, string.format('%s %.0f', kept, tonumber(version) + 1))
    count = count + 1
  end
end
return count
