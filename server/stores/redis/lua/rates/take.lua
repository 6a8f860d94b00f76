-- Take tokens if they are there.
--
-- Answers 0 if taken, else after how many milliseconds they will be there.

local before = missing_parts()
local missing = before + math.min(cost, burst) * TOKEN
local beyond = missing - burst * TOKEN
if beyond > 0 then
  save(before)
  return math.ceil(beyond / per_minute)
end
save(missing)
return 0
