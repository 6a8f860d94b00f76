-- All grants of something. Under the tag of the processes.
--
-- ARGV: what.
-- Answers, of each tag that has any: the tag and the version of the grant.

local found, start = {}, ARGV[1] .. ':'
local all = redis.call('HGETALL', TAG .. 'leases')
for number = 1, #all, 2 do
  local granted, version = all[number + 1]:match('^(%d+) (%d+)$')
  if all[number]:sub(1, #start) == start and tonumber(granted) > 0 then
    found[#found + 1] = all[number]:sub(#start + 1)
    found[#found + 1] = tonumber(version)
  end
end
return found
