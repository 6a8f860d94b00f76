-- Note what all tags were granted, which has been lost, or was never known. Under the tag of the
-- processes.
--
-- ARGV: 1 if these are all tags. Of each, for each that is granted: <what>:<tag>, the grant, and its
-- version. What is known by a version as new stands.

local leases = TAG .. 'leases'
for number = 2, #ARGV, 3 do
  local own, granted, version = ARGV[number], ARGV[number + 1], ARGV[number + 2]
  local known = redis.call('HGET', leases, own)
  local newest = known and tonumber(known:match(' (%d+)$')) or -1
  if newest < tonumber(version) then
    redis.call('HSET', leases, own, string.format('%s %s', granted, version))
  end
end
if ARGV[1] == '1' then redis.call('HSET', leases, 'noted', 1) end
return redis.status_reply('OK')
