-- Grant a tag more of what there is for all together. Under the tag of the processes.
--
-- <tag>leases is a hash: of each <what>:<other tag> the grant and its version, with a blank between;
-- and `noted`, if it has all that there are.
--
-- ARGV: what, the other tag, how much it needs and would like in all, how much there is; grant and
-- version that are known there.
-- Answers the grant, at most what it would like, perhaps less than it needs, and its version. Or
-- nothing, if it is not known what the other tags have: see note.lua.

local what, other = ARGV[1], ARGV[2]
local needed, wished, limit = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local leases, own = TAG .. 'leases', what .. ':' .. other
if redis.call('HEXISTS', leases, 'noted') == 0 then return false end

local amount, version, others = 0, 0, 0
local all = redis.call('HGETALL', leases)
for number = 1, #all, 2 do
  local name = all[number]
  local granted, granted_version = all[number + 1]:match('^(%d+) (%d+)$')
  if name == own then
    amount, version = tonumber(granted), tonumber(granted_version)
  elseif name:sub(1, #what + 1) == what .. ':' then
    others = others + tonumber(granted)
  end
end
-- What is there is right if this is older.
amount, version = math.max(amount, tonumber(ARGV[6])), math.max(version, tonumber(ARGV[7]))

-- Even if that is no more: the tag may have lost what it was granted, and takes a new version only.
if amount < needed then amount = math.max(amount, math.min(wished, limit - others)) end
version = version + 1
redis.call('HSET', leases, own, string.format('%.0f %.0f', amount, version))
return { amount, version }
