-- Random groups: their members, and what these hear. Needs users.lua.
--
-- Of a group there are, under <tag>:
--   r:<id>  hash: place (of its log), name, capacity, created_ms, active_ms, epoch, seq,
--           bytes (of members and who has left), said_bytes (of the history), said (messages ever)
--   m:<id>  hash: of each member's id its record; g:<id>, of who has left lately
--   a:<id>  who has left, by the time until when it is not to come back; x:<id>, who never is
--   q:<id>  hash: of a member and who has reported it, from where
--   h:<id>, k:<id>, f:<id>, w:<id>  what was said: see said.lua
-- and of all groups together:
--   G, A    groups in order of age; by the time of the last activity
--   P:<n>   groups with n members and room for more, in order of waiting

local GROUPS, ACTIVE = TAG .. 'G', TAG .. 'A'

local ROOM_KEYS = { 'r:', 'l:', 'm:', 'g:', 'a:', 'x:', 'q:', 'h:', 'k:', 'f:', 'w:' }

-- What was told: the group and the event in turn. Scripts answer it.
local told = {}

local function announce(group, event, noted)
  group.place = tell(group.id, event, noted)
  told[#told + 1] = group.id
  told[#told + 1] = event
end

local function away_bytes(id)
  return AWAY_BYTES + #id
end

-- --- the record of a group ---

local function find_group(id)
  local known = redis.call('HMGET', TAG .. 'r:' .. id, 'name', 'capacity', 'created_ms',
    'active_ms', 'epoch', 'seq', 'bytes', 'said_bytes', 'said', 'place')
  if not known[1] then return nil end
  return {
    id = id, name = known[1], capacity = tonumber(known[2]), created_ms = tonumber(known[3]),
    active_ms = tonumber(known[4]), epoch = tonumber(known[5]), seq = tonumber(known[6]),
    bytes = tonumber(known[7]), said_bytes = tonumber(known[8]),
    said = tonumber(known[9]), place = tonumber(known[10]),
  }
end

-- The group, if the user is a member.
local function group_of(id, user_id)
  if redis.call('HEXISTS', TAG .. 'm:' .. id, user_id) == 0 then stop('not_in_group') end
  return find_group(id)
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

local function save_group(group)
  redis.call('HSET', TAG .. 'r:' .. group.id, 'epoch', group.epoch, 'seq', group.seq,
    'bytes', group.bytes)
end

local function hold(group, added_bytes)
  group.bytes = group.bytes + added_bytes
  book('bytes', added_bytes)
end

local function next_seq(group)
  group.seq = group.seq + 1
  return group.seq
end

local function touch(group, now_ms)
  redis.call('HSET', TAG .. 'r:' .. group.id, 'active_ms', now_ms)
  redis.call('ZADD', ACTIVE, now_ms, group.id)
end

-- Have the group wait for more members, behind those that have as many; `before`, how many
-- it had.
local function wait_for_more(group, before)
  local count = redis.call('HLEN', TAG .. 'm:' .. group.id)
  redis.call('ZREM', TAG .. 'P:' .. before, group.id)
  if count > 0 and count < group.capacity then
    redis.call('ZADD', TAG .. 'P:' .. count, next_turn(), group.id)
  end
end

-- --- members ---

-- A member as it is kept; `order` sorts by joining, `key` is packed and `mark` the same for
-- equal keys.
local function pack_member(member)
  return struct.pack('>ddI4I2c0I2c0I4c0c0', member.joined_ms, member.order, member.size_bytes,
    #member.written, member.written, #member.mark, member.mark, #member.name, member.name,
    member.key)
end

local function unpack_member(packed)
  local joined_ms, order, size_bytes, written, mark, name, rest =
    struct.unpack('>ddI4I2c0I2c0I4c0', packed)
  return {
    joined_ms = joined_ms, order = order, size_bytes = size_bytes, written = written,
    id = bare(written), mark = mark, name = name, key = packed:sub(rest),
  }
end

local function find_member(group_id, id)
  local packed = redis.call('HGET', TAG .. 'm:' .. group_id, id)
  return packed and unpack_member(packed)
end

local function by_order(one, other)
  return one.order < other.order
end

local function members_in(key)
  local found = {}
  for number, packed in ipairs(redis.call('HVALS', key)) do
    found[number] = unpack_member(packed)
  end
  table.sort(found, by_order)
  return found
end

local function save_member(group, member)
  redis.call('HSET', TAG .. 'm:' .. group.id, member.id, pack_member(member))
end

local function member_bytes(member, key_size_bytes)
  return #member.id + #member.name + key_size_bytes + MEMBER_BYTES
end

-- All members as a packed array.
local function pack_members(group)
  local packed = {}
  for number, member in ipairs(members_in(TAG .. 'm:' .. group.id)) do
    packed[number] = packed_array({
      pack(member.written), pack(member.name), member.key, pack(member.joined_ms),
    })
  end
  return packed_array(packed)
end

local function pack_group(group)
  return packed_array({
    pack(group.id), pack(group.name), pack(group.capacity), pack_members(group),
    pack(group.epoch), pack(group.seq), pack(group.created_ms),
  })
end

-- --- what changes who is there ---

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

-- Only who has said something can be reported still.
local function remember_gone(group, member)
  local key = TAG .. 'g:' .. group.id
  if redis.call('HEXISTS', TAG .. 'w:' .. group.id, member.id) == 0 then
    hold(group, -member.size_bytes)
    return
  end
  member.order = next_turn()
  redis.call('HSET', key, member.id, pack_member(member))
  if redis.call('HLEN', key) > MAX_GONE then forget_gone(group, members_in(key)[1].id) end
end

local function add_member(group, member, skip)
  local before = redis.call('HLEN', TAG .. 'm:' .. group.id)
  forget_gone(group, member.id)
  member.order = next_seq(group)
  save_member(group, member)
  hold(group, member.size_bytes)
  book('members', 1)
  announce(group,
    member_joined(skip, group.seq, member.written, member.name, member.joined_ms, member.key))
  tell_members(group, skip)
  save_group(group)
  wait_for_more(group, before)
end

local function change_key(group, member, size_bytes, skip)
  hold(group, size_bytes - member.size_bytes)
  member.size_bytes = size_bytes
  save_member(group, member)
  next_seq(group)
  tell_members(group, skip)
  save_group(group)
  wait_for_more(group, redis.call('HLEN', TAG .. 'm:' .. group.id))
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
  for count = 1, CAPACITY do
    if redis.call('ZREM', TAG .. 'P:' .. count, group.id) == 1 then break end
  end
  book('bytes', -group.bytes - group.said_bytes)
  local keys = {}
  for number, name in ipairs(ROOM_KEYS) do
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
  local before = redis.call('HLEN', TAG .. 'm:' .. group.id)
  local member = find_member(group.id, user.id)
  redis.call('HDEL', TAG .. 'm:' .. group.id, user.id)
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
  if before == 1 then
    close_group(group)
  else
    save_group(group)
    wait_for_more(group, before)
  end
end

-- Leave, not to be back for a while; the user is to be settled.
local function leave_for_good(user, group, skip, now_ms, apart_until_ms)
  bar(group, user.id, apart_until_ms, now_ms)
  for _, other in ipairs(redis.call('HKEYS', TAG .. 'm:' .. group.id)) do
    if other ~= user.id then part(user, other, apart_until_ms) end
  end
  go(user, group, 'left', now_ms, skip)
end

-- --- what its connections hear of it ---

-- Have connections of a user hear of its group: those of this process by the answer, of others
-- by a message to their process. `asker` gets the group with the answer.
local function attach(user, group, connections, here, asker)
  local packed = #connections > 0 and pack_group(group)
  for _, one in ipairs(connections) do
    local event
    if one.id == asker then
      event = packed_array({ pack(8), NIL, pack(user.written), pack(one.id), pack('random') })
    else
      event = packed_array({
        pack(9), NIL, pack(user.written), pack(one.id), pack('random'), packed,
      })
    end
    if one.node == here then
      told[#told + 1] = group.id
      told[#told + 1] = event
    else
      redis.call('PUBLISH', 'hw:node:' .. one.node,
        packed_array({ pack(group.id), pack(group.place), event }))
    end
  end
end
