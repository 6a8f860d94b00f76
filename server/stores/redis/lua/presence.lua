-- Who is there, in a space of its own: of each user, <tag><SPACE>:<id> is a hash of processes, and
-- until when each has it; <tag><SPACE> is a sorted set of "<process> <user>" by that time.

local function on_key(user)
  return TAG .. SPACE .. ':' .. user
end

-- Whether some process has a user.
local function is_on(user, now_ms)
  for _, until_ms in ipairs(redis.call('HVALS', on_key(user))) do
    if tonumber(until_ms) > now_ms then return true end
  end
  return false
end

local function let_go(node, user)
  redis.call('ZREM', TAG .. SPACE, node .. ' ' .. user)
  return redis.call('HDEL', on_key(user), node) == 1
end
