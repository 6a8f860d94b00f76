-- Connections of users. Needs users.lua and owners.lua.
--
-- There are, under <tag>, beside the owners:
--   n:<id>       of a user, in the order in which they came
--   N:<process>  set: the connections there

-- Of all connections of a user: id and process, in the order in which they came.
local function connections_of(user)
  if user.connections == 0 then return {} end
  local found = {}
  for _, id in ipairs(redis.call('ZRANGE', TAG .. 'n:' .. user.id, 0, -1)) do
    found[#found + 1] = { id = id, node = (owner_of(id)) }
  end
  return found
end

-- Note that a connection is gone; with the last one its user leaves at that time. Of one that
-- another process has taken over, the former (`node`) knows nothing to tell.
local function lose(id, leave_at_ms, node)
  local owner_node, user_id = owner_of(id)
  if not owner_node or (node and node ~= owner_node) then return end
  local user = find_user(user_id)
  redis.call('HDEL', OWNERS, id)
  redis.call('SREM', TAG .. 'N:' .. owner_node, id)
  user.connections = user.connections - redis.call('ZREM', TAG .. 'n:' .. user_id, id)
  if user.connections == 0 and user.room then
    redis.call('ZADD', LOST, leave_at_ms, user_id)
  end
  settle(user)
end
