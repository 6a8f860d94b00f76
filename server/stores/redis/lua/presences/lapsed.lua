-- Forget what was not said again in time. ARGV: now, how much at most.
-- Answers the users whom none has since.
local now_ms, gone = tonumber(ARGV[1]), {}
local found = redis.call('ZRANGEBYSCORE', TAG .. SPACE, '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, entry in ipairs(found) do
  local node, user = string.match(entry, '^(%S+) (.*)$')
  let_go(node, user)
  if not is_on(user, now_ms) then gone[#gone + 1] = user end
end
return gone
