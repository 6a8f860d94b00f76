-- Who comes into random groups, and who leaves them. Needs group.lua, connections.lua and
-- partings.lua.

local GROUP_KEYS = { 'r:', 'l:', 'm:', 'g:', 'a:', 'x:', 'q:', 'h:', 'k:', 'f:', 'w:' }

-- By so much a group comes before one that has a member less; more turns there will not be.
local FULLER = 2 ^ 40

local function away_bytes(id)
  return AWAY_BYTES + #id
end

local function make_group(id, name, capacity, now_ms)
  begin_log(id, now_ms)
  redis.call('HSET', TAG .. 'r:' .. id, 'name', name, 'capacity', capacity,
    'created_ms', now_ms, 'active_ms', now_ms, 'epoch', 0, 'seq', 0, 'bytes', 0, 'said', 0,
    'said_bytes', 0)
  redis.call('ZADD', GROUPS, next_turn(), id)
  book('made', 1)
  return find_group(id)
end

-- Have the group wait for more members, behind those that have as many.
local function wait_for_more(group)
  local count = redis.call('HLEN', TAG .. 'm:' .. group.id)
  if count > 0 and count < group.capacity then
    redis.call('ZADD', PLACES, next_turn() - count * FULLER, group.id)
  else
    redis.call('ZREM', PLACES, group.id)
  end
end

local function tell_members(group, skip)
  group.epoch = group.epoch + 1
  announce(group, members_changed(skip, pack_members(group), group.epoch))
end

local function forget_gone(group, id)
  local key = TAG .. 'g:' .. group.id
  local packed = redis.call('HGET', key, id)
  if not packed then return end
  redis.call('HDEL', key, id)
  hold(group, -unpack_member(packed).size_bytes)
end

-- The id of the one that left first.
local function first_in(key)
  local first
  for _, packed in ipairs(redis.call('HVALS', key)) do
    local one = unpack_member(packed)
    if not first or one.order < first.order then first = one end
  end
  return first.id
end

-- Only who has said something can be reported still.
local function remember_gone(group, member)
  local key = TAG .. 'g:' .. group.id
  if redis.call('HEXISTS', TAG .. 'w:' .. group.id, member.id) == 0 then
    hold(group, -member.size_bytes)
    return
  end
  member.order = next_turn()
  redis.call('HSET', key, member.id, pack_member(member))
  if redis.call('HLEN', key) > MAX_GONE then forget_gone(group, first_in(key)) end
end

-- `key` is packed.
local function add_member(group, member, key, skip)
  forget_gone(group, member.id)
  member.order = next_seq(group)
  show(member, key)
  save_member(group, member)
  hold(group, member.size_bytes)
  book('members', 1)
  announce(group,
    member_joined(skip, group.seq, member.written, member.name, member.joined_ms, key))
  tell_members(group, skip)
  save_group(group)
  wait_for_more(group)
end

local function change_key(group, member, size_bytes, skip)
  hold(group, size_bytes - member.size_bytes)
  member.size_bytes = size_bytes
  save_member(group, member)
  next_seq(group)
  tell_members(group, skip)
  save_group(group)
  wait_for_more(group)
end

-- --- who has reported whom ---

local function mark_name(id, reporter)
  return #id .. ':' .. id .. reporter
end

local function split_mark_name(name)
  local length, rest = name:match('^(%d+):(.*)$')
  return rest:sub(1, tonumber(length)), rest:sub(tonumber(length) + 1)
end

local function forget_marks(group, id)
  local key = TAG .. 'q:' .. group.id
  for _, name in ipairs(redis.call('HKEYS', key)) do
    local about, reporter = split_mark_name(name)
    if about == id or reporter == id then redis.call('HDEL', key, name) end
  end
end

-- --- leaving ---

local function close_group(group)
  redis.call('ZREM', GROUPS, group.id)
  redis.call('ZREM', ACTIVE, group.id)
  redis.call('ZREM', PLACES, group.id)
  book('bytes', -group.bytes - group.said_bytes)
  local keys = {}
  for number, name in ipairs(GROUP_KEYS) do
    keys[number] = TAG .. name .. group.id
  end
  redis.call('UNLINK', unpack(keys))
end

-- Not let a user in again until then, and forget for whom that is over.
local function bar(group, id, until_ms, now_ms)
  local key = TAG .. 'a:' .. group.id
  for _, one in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', now_ms)) do
    redis.call('ZREM', key, one)
    hold(group, -away_bytes(one))
  end
  if redis.call('ZADD', key, until_ms, id) == 1 then hold(group, away_bytes(id)) end
end

-- Take a user out of its group; the user is to be settled.
local function go(user, group, reason, now_ms, skip)
  local member = find_member(group.id, user.id)
  redis.call('HDEL', TAG .. 'm:' .. group.id, user.id)
  group.packed_members = nil
  book('members', -1)
  remember_gone(group, member)
  forget_marks(group, user.id)
  if reason == 'removed' then announce(group, member_removed(user.written)) end
  announce(group, member_left(skip, next_seq(group), user.written, reason, now_ms, member.name))
  if reason ~= 'removed' then
    for _, connection in ipairs(connections_of(user)) do
      announce(group, connection_detached(connection.id))
    end
  end
  tell_members(group, nil)
  user.room = nil
  redis.call('ZREM', LOST, user.id)
  if redis.call('EXISTS', TAG .. 'm:' .. group.id) == 0 then
    close_group(group)
  else
    save_group(group)
    wait_for_more(group)
  end
end

-- Leave, not to be back for a while; the user is to be settled.
local function leave_for_good(user, group, skip, now_ms, apart_until_ms)
  bar(group, user.id, apart_until_ms, now_ms)
  local others = {}
  for _, id in ipairs(redis.call('HKEYS', TAG .. 'm:' .. group.id)) do
    if id ~= user.id then others[#others + 1] = id end
  end
  part(user, others, apart_until_ms)
  go(user, group, 'left', now_ms, skip)
end
