-- Reports in order of age, after one of that id; all, if that one is forgotten.
--
-- ARGV: report id ('' for none); how many.
-- Answers the reports (packed).

local start = 0
local rank = redis.call('ZRANK', REPORTS, ARGV[1])
if rank then start = rank + 1 end
local found = {}
for number, id in ipairs(redis.call('ZRANGE', REPORTS, start, start + tonumber(ARGV[2]) - 1)) do
  found[number] = report_of(id).packed
end
return found
