-- ARGV: now, and users. Answers those whom some process has.
local now_ms, on = tonumber(ARGV[1]), {}
for i = 2, #ARGV do
  if is_on(ARGV[i], now_ms) then on[#on + 1] = ARGV[i] end
end
return on
