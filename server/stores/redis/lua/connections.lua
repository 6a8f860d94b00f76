-- Connections of users. Needs users.lua, and `attach` group.lua.
--
-- There are, under <tag>:
--   n:<id>       of a user, in the order in which they came
--   o            hash: of each connection its process and its user
--   N:<process>  set: the connections there

local OWNERS = TAG .. 'o'

-- Of all connections of a user: id and process, in the order in which they came.
local function connections_of(user)
  if user.connections == 0 then return {} end
  local found = {}
  for _, id in ipairs(redis.call('ZRANGE', TAG .. 'n:' .. user.id, 0, -1)) do
    local node = redis.call('HGET', OWNERS, id):match('^([^\n]*)\n')
    found[#found + 1] = { id = id, node = node }
  end
  return found
end

-- Take a connection from whom it belongs to; the user is to be settled.
local function take_connection(id)
  local owner = redis.call('HGET', OWNERS, id)
  if not owner then return nil end
  local node, user_id = owner:match('^([^\n]*)\n(.*)$')
  local user = find_user(user_id)
  redis.call('HDEL', OWNERS, id)
  redis.call('SREM', TAG .. 'N:' .. node, id)
  user.connections = user.connections - redis.call('ZREM', TAG .. 'n:' .. user_id, id)
  return user
end

-- After a connection of a user was taken: with the last one it leaves at that time.
local function lose_last(user, leave_at_ms)
  if user.connections == 0 and user.room then
    redis.call('ZADD', LOST, leave_at_ms, user.id)
  end
  settle(user)
end

local function lose(connection_id, leave_at_ms)
  local user = take_connection(connection_id)
  if user then lose_last(user, leave_at_ms) end
end
