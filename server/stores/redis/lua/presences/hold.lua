-- A process has these users. ARGV: its id, until when, now, and the users.
-- Answers those whom none had.
local node, until_ms, now_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local new = {}
for i = 4, #ARGV do
  local user = ARGV[i]
  if not is_on(user, now_ms) then new[#new + 1] = user end
  redis.call('HSET', on_key(user), node, until_ms)
  redis.call('ZADD', TAG .. SPACE, until_ms, node .. ' ' .. user)
end
return new
