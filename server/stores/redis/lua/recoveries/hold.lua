-- Keep sessions for longer: names and lines in turn. Answers the names of other lines' sessions.
local kept_ms, now_ms = ARGV[1], ARGV[2]
local taken = {}
for at = 3, #ARGV, 2 do
  local key = TAG .. 'p:' .. ARGV[at]
  local owner = redis.call('HGET', key, 'line')
  if owner and owner ~= ARGV[at + 1] then
    taken[#taken + 1] = ARGV[at]
  elseif owner then
    redis.call('HSET', key, 'until', now_ms + kept_ms)
    redis.call('PEXPIRE', key, kept_ms)
  end
end
return taken
