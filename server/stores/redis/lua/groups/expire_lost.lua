-- Let users leave who are without a connection for too long, so many at most.
--
-- ARGV: the time; how many.
-- Answers how many it were, and what was told.

local now_ms, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = redis.call('ZRANGEBYSCORE', LOST, '-inf', now_ms, 'LIMIT', 0, limit)
for _, id in ipairs(due) do
  local user = find_user(id)
  go(user, find_group(user.room), 'lost', now_ms, nil)
  settle(user)
end
return { #due, told }
