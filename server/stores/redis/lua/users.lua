-- Users of random groups: their keys, connections, and who of them are not to meet.
-- Needs books.lua, and the constants of groups.py.
--
-- A user's id is in keys without the mark of numeric ones. Of a user there are, under <tag>:
--   u:<id>  hash: id (as first written), forget_ms, room, shunned_bytes, key_bytes, saved
--   n:<id>  its connections, in the order in which they came
--   b:<id>  set: whom it has blocked; B:<id>, who has blocked it
--   p:<id>  whom it has left, or who has left it, by the time until when they are not to meet
-- and of all users together:
--   o       hash: of a connection its process and its user; N:<process>, the connections there
--   L, I, Q members without a connection by the time to leave; users who are not here by the
--           time to be forgotten; users by the time when the next parting is over

local OWNERS, LOST, IDLE, PARTED = TAG .. 'o', TAG .. 'L', TAG .. 'I', TAG .. 'Q'

-- Do it, and answer with the refusal if one ends it.
local function attempt(operation)
  local done, answer = pcall(operation)
  if done then return answer end
  if type(answer) == 'table' and answer.refusal then return answer.refusal end
  error(answer, 0)
end

-- End what is attempted with a refusal. It is wrapped: Redis 7 makes text of a bare one.
local function stop_with(refusal)
  error({ refusal = refusal })
end

local function stop(word)
  stop_with(refuse(word))
end

local function need_space(added_bytes)
  local refusal = lacking('bytes', added_bytes)
  if refusal then stop_with(refusal) end
end

-- A number of its own for the next in any row.
local function next_turn()
  return redis.call('HINCRBY', BOOKS, 'turn', 1)
end

-- A user id without the mark of numeric ones.
local function bare(id)
  if id:byte(1) == 1 then return id:sub(2) end
  return id
end

local function shunned_bytes(id)
  return SHUNNED_BYTES + #id
end

-- --- the record of a user ---

local function is_idle(user)
  return not user.room and user.connections == 0
end

local function is_blank(user)
  return not user.key_bytes
    and redis.call('EXISTS', TAG .. 'b:' .. user.id) == 0
    and redis.call('EXISTS', TAG .. 'p:' .. user.id) == 0
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
    room = known[3] or nil,
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
  local key = TAG .. 'u:' .. user.id
  redis.call('HSET', key, 'id', user.written, 'forget_ms', user.forget_ms,
    'shunned_bytes', user.shunned_bytes)
  if user.room then
    redis.call('HSET', key, 'room', user.room)
  else
    redis.call('HDEL', key, 'room')
  end
  if user.saved then
    redis.call('HSET', key, 'saved', user.saved, 'key_bytes', user.key_bytes)
  end
end

-- Do the books of a user after a change, and forget it in time if it is not here.
local function settle(user)
  local held_bytes, idle_bytes = user_bytes(user), 0
  if is_idle(user) then idle_bytes = held_bytes end
  book('bytes', held_bytes - user.counted_bytes)
  book('idle_bytes', idle_bytes - user.idle_bytes)
  user.counted_bytes, user.idle_bytes = held_bytes, idle_bytes
  if not is_idle(user) then
    redis.call('ZREM', IDLE, user.id)
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

-- --- connections ---

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

-- --- who is not to meet whom ---

-- Have two users not meet until then; both are members of the same group.
local function part(user, other_id, until_ms)
  if redis.call('ZADD', TAG .. 'p:' .. user.id, until_ms, other_id) == 1 then
    user.shunned_bytes = user.shunned_bytes + shunned_bytes(other_id)
  end
  if redis.call('ZADD', TAG .. 'p:' .. other_id, until_ms, user.id) == 1 then
    local added_bytes = shunned_bytes(user.id)
    redis.call('HINCRBY', TAG .. 'u:' .. other_id, 'shunned_bytes', added_bytes)
    book('bytes', added_bytes)
  end
  redis.call('ZADD', PARTED, 'LT', until_ms, user.id)
  redis.call('ZADD', PARTED, 'LT', until_ms, other_id)
end

-- Forget which partings are over. Answers when the next one will be.
local function forget_partings(user, now_ms)
  local key = TAG .. 'p:' .. user.id
  local over = redis.call('ZRANGEBYSCORE', key, '-inf', now_ms)
  for _, id in ipairs(over) do
    user.shunned_bytes = user.shunned_bytes - shunned_bytes(id)
  end
  if #over > 0 then redis.call('ZREMRANGEBYSCORE', key, '-inf', now_ms) end
  return redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
end

local function can_block(user)
  return redis.call('SCARD', TAG .. 'b:' .. user.id) < MAX_BLOCKS
end

local function block(user, blocked)
  if user.id == blocked then stop('blocking_oneself') end
  if redis.call('SISMEMBER', TAG .. 'b:' .. user.id, blocked) == 1 then return end
  if not can_block(user) then stop('blocks_full') end
  need_space(shunned_bytes(blocked))
  redis.call('SADD', TAG .. 'b:' .. user.id, blocked)
  redis.call('SADD', TAG .. 'B:' .. blocked, user.id)
  user.shunned_bytes = user.shunned_bytes + shunned_bytes(blocked)
end

local function unblock(user, blocked)
  if redis.call('SREM', TAG .. 'b:' .. user.id, blocked) == 0 then return end
  redis.call('SREM', TAG .. 'B:' .. blocked, user.id)
  user.shunned_bytes = user.shunned_bytes - shunned_bytes(blocked)
end
