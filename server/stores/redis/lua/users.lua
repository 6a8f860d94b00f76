-- Users of random groups, and the key that each had last. Needs attempt.lua, and the constants of
-- group_scripts.py.
--
-- A user's id is in keys without the mark of numeric ones. Of a user there are, under <tag>:
--   u:<id>  hash: id (as first written), forget_ms, room, shunned_bytes, key_bytes, saved
--   n:<id>  its connections, in the order in which they came: see connections.lua
--   b:<id>  set: whom it has blocked; B:<id>, who has blocked it; p:<id>: see partings.lua
-- and of all users together:
--   L, I, Q members without a connection by the time to leave; users who are not here by the
--           time to be forgotten; users by the time when the next parting is over

local LOST, IDLE, PARTED = TAG .. 'L', TAG .. 'I', TAG .. 'Q'

local function shunned_bytes(id)
  return SHUNNED_BYTES + #id
end

local function is_idle(user)
  return not user.room and user.connections == 0
end

local function is_blank(user)
  return not user.key_bytes
    and redis.call('EXISTS', TAG .. 'b:' .. user.id, TAG .. 'p:' .. user.id) == 0
end

local function user_bytes(user)
  return USER_BYTES + #user.id + user.shunned_bytes + (user.key_bytes or 0)
end

local function find_user(id)
  local known = redis.call('HMGET', TAG .. 'u:' .. id,
    'id', 'forget_ms', 'room', 'shunned_bytes', 'key_bytes')
  if not known[1] then return nil end
  local user = {
    id = id,
    written = known[1],
    forget_ms = tonumber(known[2]),
    room = known[3] ~= '' and known[3] or nil,
    shunned_bytes = tonumber(known[4]),
    key_bytes = known[5] and tonumber(known[5]) or nil,
    connections = redis.call('ZCARD', TAG .. 'n:' .. id),
  }
  user.counted_bytes = user_bytes(user)
  user.idle_bytes = is_idle(user) and user.counted_bytes or 0
  return user
end

local function drop_user(user)
  for _, blocked in ipairs(redis.call('SMEMBERS', TAG .. 'b:' .. user.id)) do
    redis.call('SREM', TAG .. 'B:' .. blocked, user.id)
  end
  redis.call('ZREM', IDLE, user.id)
  redis.call('ZREM', PARTED, user.id)
  redis.call('UNLINK', TAG .. 'u:' .. user.id, TAG .. 'b:' .. user.id, TAG .. 'p:' .. user.id)
  book('bytes', -user.counted_bytes)
  book('idle_bytes', -user.idle_bytes)
  book('users', -1)
end

-- Forget who is to be forgotten next of those who are not here; false if there is nobody.
local function forget_one()
  local id = redis.call('ZRANGE', IDLE, 0, 0)[1]
  if not id then return false end
  drop_user(find_user(id))
  return true
end

-- The record of a user who is here; to be settled afterwards.
local function seen(written, forget_ms)
  local user = find_user(bare(written))
  if not user then
    local users = tonumber(redis.call('HGET', BOOKS, 'users') or 0)
    if users >= MAX_USERS and not forget_one() then stop('users_full') end
    user = {
      id = bare(written), written = written, forget_ms = 0, shunned_bytes = 0,
      connections = 0, counted_bytes = 0, idle_bytes = 0,
    }
    need_space(user_bytes(user))
    book('users', 1)
  end
  user.forget_ms = math.max(user.forget_ms, forget_ms)
  return user
end

local function save_user(user)
  local fields = {
    'id', user.written, 'forget_ms', user.forget_ms, 'shunned_bytes', user.shunned_bytes,
    'room', user.room or '',
  }
  if user.saved then
    for _, value in ipairs({ 'saved', user.saved, 'key_bytes', user.key_bytes }) do
      fields[#fields + 1] = value
    end
  end
  redis.call('HSET', TAG .. 'u:' .. user.id, unpack(fields))
end

-- Do the books of a user after a change, and forget it in time if it is not here.
local function settle(user)
  local held_bytes, idle_bytes = user_bytes(user), 0
  if is_idle(user) then idle_bytes = held_bytes end
  book('bytes', held_bytes - user.counted_bytes)
  book('idle_bytes', idle_bytes - user.idle_bytes)
  local was_idle = user.idle_bytes > 0
  user.counted_bytes, user.idle_bytes = held_bytes, idle_bytes
  if not is_idle(user) then
    if was_idle then redis.call('ZREM', IDLE, user.id) end
    save_user(user)
  elseif is_blank(user) then
    drop_user(user)
  else
    save_user(user)
    redis.call('ZADD', IDLE, user.forget_ms, user.id)
    while tonumber(redis.call('HGET', BOOKS, 'idle_bytes')) > math.floor(TOTAL_BYTES / IDLE_PART) do
      forget_one()
    end
  end
end

-- Do something with the record of a user, which is settled even if that is refused.
local function with_user(written, forget_ms, operation)
  local user = seen(written, forget_ms)
  local done, answer = pcall(operation, user)
  settle(user)
  if done then return answer end
  error(answer, 0)
end

-- --- the key it had last ---

-- `key` is packed, `mark` the same for equal keys.
local function pack_saved(saved)
  return struct.pack('>dI4I2c0I2c0I4c0c0', saved.saved_ms, saved.key_size_bytes,
    #saved.written, saved.written, #saved.mark, saved.mark, #saved.name, saved.name, saved.key)
end

local function saved_key(user)
  local packed = user.saved or redis.call('HGET', TAG .. 'u:' .. user.id, 'saved')
  if not packed then return nil end
  local saved_ms, key_size_bytes, written, mark, name, rest =
    struct.unpack('>dI4I2c0I2c0I4c0', packed)
  return {
    saved_ms = saved_ms, key_size_bytes = key_size_bytes, written = written, mark = mark,
    name = name, key = packed:sub(rest),
  }
end

local function saved_bytes(saved)
  return saved.key_size_bytes + #saved.name
end

local function save_key(user, saved)
  user.saved, user.key_bytes = pack_saved(saved), saved_bytes(saved)
end
