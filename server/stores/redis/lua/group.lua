-- Random groups and their members. Needs attempt.lua.
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
--   P       groups with room for more members: the fullest first, of equals the one that has
--           waited for longest

local GROUPS, ACTIVE, PLACES = TAG .. 'G', TAG .. 'A', TAG .. 'P'

-- What was told: the group and the event in turn. Scripts answer it.
local told = {}

local function announce(group, event, noted)
  group.place = tell(group.id, event, noted)
  told[#told + 1] = group.id
  told[#told + 1] = event
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

-- --- members ---

-- A member as it is kept: `order` sorts by joining; `shown` is how the others see it (packed);
-- `mark` is the same for equal keys.
local function pack_member(member)
  return struct.pack('>dI4c0dI4I2c0I2c0c0', member.order, #member.shown, member.shown,
    member.joined_ms, member.size_bytes, #member.written, member.written, #member.mark, member.mark,
    member.name)
end

local function unpack_member(packed)
  local order, shown, joined_ms, size_bytes, written, mark, rest =
    struct.unpack('>dI4c0dI4I2c0I2c0', packed)
  return {
    order = order, shown = shown, joined_ms = joined_ms, size_bytes = size_bytes,
    written = written, id = bare(written), mark = mark, name = packed:sub(rest),
  }
end

-- How the others see a member with a key (packed).
local function show(member, key)
  member.shown = packed_array({
    pack(member.written), pack(member.name), key, pack(member.joined_ms),
  })
end

local function key_of_member(member)
  local before, after = pack(member.written) .. pack(member.name), pack(member.joined_ms)
  return member.shown:sub(2 + #before, -1 - #after)
end

local function find_member(group_id, id)
  local packed = redis.call('HGET', TAG .. 'm:' .. group_id, id)
  return packed and unpack_member(packed)
end

local function save_member(group, member)
  group.packed_members = nil
  redis.call('HSET', TAG .. 'm:' .. group.id, member.id, pack_member(member))
end

local function member_bytes(member, key_size_bytes)
  return #member.id + #member.name + key_size_bytes + MEMBER_BYTES
end

-- All members as a packed array, in the order of joining.
local function pack_members(group)
  if group.packed_members then return group.packed_members end
  local orders, shown = {}, {}
  for number, packed in ipairs(redis.call('HVALS', TAG .. 'm:' .. group.id)) do
    local order, one = struct.unpack('>dI4c0', packed)
    orders[number], shown[order] = order, one
  end
  table.sort(orders)
  for number, order in ipairs(orders) do orders[number] = shown[order] end
  group.packed_members = packed_array(orders)
  return group.packed_members
end

local function pack_group(group)
  return packed_array({
    pack(group.id), pack(group.name), pack(group.capacity), pack_members(group),
    pack(group.epoch), pack(group.seq), pack(group.created_ms),
  })
end
