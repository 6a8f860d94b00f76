-- Forget groups that are idle, partings that are over, and users and reports that are due; of
-- each so many at most.
--
-- ARGV: the time; how many.
-- Answers of what there were most how many it were, and what was told.

local now_ms, limit = tonumber(ARGV[1]), tonumber(ARGV[2])

local function due_in(key, until_ms)
  return redis.call('ZRANGEBYSCORE', key, '-inf', until_ms, 'LIMIT', 0, limit)
end

-- The group ends with all its members in it.
local function expire_group(group)
  announce(group, room_expired(IDLE_LIMIT_MS))
  local members = redis.call('HKEYS', TAG .. 'm:' .. group.id)
  close_group(group)
  book('members', -#members)
  for _, id in ipairs(members) do
    local user = find_user(id)
    user.room = nil
    redis.call('ZREM', LOST, id)
    settle(user)
  end
end

local function part_no_more(id)
  redis.call('ZREM', PARTED, id)
  local user = find_user(id)
  if not user then return end
  local next_ms = forget_partings(user, now_ms)
  if next_ms then redis.call('ZADD', PARTED, next_ms, id) end
  settle(user)
end

local groups = due_in(ACTIVE, now_ms - IDLE_LIMIT_MS)
for _, id in ipairs(groups) do expire_group(find_group(id)) end
local parted = due_in(PARTED, now_ms)
for _, id in ipairs(parted) do part_no_more(id) end
local users = due_in(IDLE, now_ms)
for _, id in ipairs(users) do drop_user(find_user(id)) end
local most = math.max(#groups, #parted, #users, expire_reports(now_ms, limit))
return { most, told }
