-- A session: its people, who of them is connected, and its history.
--
-- Under the tag of its shard, beside what lib.lua and members.lua name, there are of a room:
--   p:<id>  hash: user id -> the record of a member (see `person_of`)
--   d:<id>  hash: identity -> user id, of the members
--   a:<id>  hash: connection -> 1 if it has proved to be its member else 0, node, blank, user id
--   t:<id>  hash: hash of a member token -> identity; u:<id> has these hashes in order of age
--   h:<id>  hash: m:<message id> -> its event; r:<message id> -> its record, which stays for a
--           while when it is trimmed, with t:<message id> -> the event without its ciphertext
--   q:<id>  sorted set of the ids of messages kept, by sequence number
--   z:<id>  list of the ids of trimmed messages that are still known
-- And of the shard:
--   all     sorted set of its rooms by id
--   idle    sorted set of its rooms by when they may be idle for too long, at the earliest
--   lost    sorted set of <room id>NUL<user id> by when their grace is over
--   n:<node>  set of <connection>NUL<room id>: what is attached by one process
--
-- User ids are without the mark of numeric ones, but where events tell them.

local NUL = '\0'
local NUMERIC_MARK = '\1'

-- Tokens of former members that a room remembers, as a multiple of its capacity.
local TOKENS_PER_PLACE = 4

local function plain(user_id)
  if user_id:sub(1, 1) == NUMERIC_MARK then return user_id:sub(2) end
  return user_id
end

local function whole(number)
  return string.format('%.0f', number)
end

-- --- the room itself ---

-- Fields of the hash r:<id>. What changes is `save_room`d.
local NUMBERS = {
  'capacity', 'idle_limit_ms', 'grace_ms', 'history_messages', 'history_bytes',
  'created_ms', 'active_ms', 'seq', 'people_bytes', 'messages_bytes', 'trimmed_seq',
}
local FIELDS = { 'key_hash', 'creator', 'locked', unpack(NUMBERS) }

-- The room; nil if there is none.
local function room_of(room_id)
  local values = redis.call('HMGET', TAG .. 'r:' .. room_id, unpack(FIELDS))
  if not values[1] then return nil end
  local room = { id = room_id, key_hash = values[1], creator = values[2], locked = values[3] == '1' }
  for number, name in ipairs(NUMBERS) do
    room[name] = tonumber(values[number + 3])
  end
  return room
end

local function save_room(room, ...)
  local changes = {}
  for _, name in ipairs({ ... }) do
    local value = room[name]
    if type(value) == 'number' then value = whole(value) end
    if type(value) == 'boolean' then value = value and '1' or '0' end
    changes[#changes + 1] = name
    changes[#changes + 1] = value
  end
  redis.call('HSET', TAG .. 'r:' .. room.id, unpack(changes))
end

local function new_room(room_id, key_hash, policy, now_ms)
  return {
    id = room_id, key_hash = key_hash, creator = '', locked = false,
    capacity = tonumber(policy[1]), idle_limit_ms = tonumber(policy[2]),
    grace_ms = tonumber(policy[3]), history_messages = tonumber(policy[4]),
    history_bytes = tonumber(policy[5]),
    created_ms = now_ms, active_ms = now_ms, seq = 0,
    people_bytes = 0, messages_bytes = 0, trimmed_seq = 0,
  }
end

-- The caller has seen that there is a grant for it.
local function add_room(room)
  save_room(room, unpack(FIELDS))
  redis.call('ZADD', TAG .. 'all', 0, room.id)
  redis.call('ZADD', TAG .. 'idle', room.active_ms + room.idle_limit_ms, room.id)
  begin_log(room.id, room.created_ms)
  book('rooms', 1)
end

-- --- connections ---

-- What a connection is in a room: its member, whether it has proved to be that, and its node.
local function attachment_of(room_id, connection_id)
  local found = redis.call('HGET', TAG .. 'a:' .. room_id, connection_id)
  if not found then return nil end
  local flag, node, user_id = found:match('^([01])(%S*) (.*)$')
  return { user_id = user_id, has_proved = flag == '1', node = node }
end

local function attach(room_id, connection_id, user_id, has_proved, node)
  local flag = has_proved and '1' or '0'
  redis.call('HSET', TAG .. 'a:' .. room_id, connection_id, flag .. node .. ' ' .. user_id)
  redis.call('SADD', TAG .. 'n:' .. node, connection_id .. NUL .. room_id)
end

local function forget_attachment(room_id, connection_id, node)
  redis.call('HDEL', TAG .. 'a:' .. room_id, connection_id)
  redis.call('SREM', TAG .. 'n:' .. node, connection_id .. NUL .. room_id)
end

-- --- tokens ---

-- `age` is the place in the sequence at which it was given.
local function remember_token(room, token, identity, age)
  local tokens, by_age = TAG .. 't:' .. room.id, TAG .. 'u:' .. room.id
  redis.call('HSET', tokens, token, identity)
  redis.call('ZADD', by_age, 'NX', age, token)
  if redis.call('HLEN', tokens) <= TOKENS_PER_PLACE * room.capacity then return end
  for _, oldest in ipairs(redis.call('ZRANGE', by_age, 0, -1)) do
    local owner = redis.call('HGET', tokens, oldest)
    if owner ~= room.creator and redis.call('HEXISTS', TAG .. 'd:' .. room.id, owner) == 0 then
      redis.call('HDEL', tokens, oldest)
      redis.call('ZREM', by_age, oldest)
      return
    end
  end
end

local function void_tokens(room_id, identity)
  local tokens = redis.call('HGETALL', TAG .. 't:' .. room_id)
  for number = 1, #tokens, 2 do
    if tokens[number + 1] == identity then
      redis.call('HDEL', TAG .. 't:' .. room_id, tokens[number])
      redis.call('ZREM', TAG .. 'u:' .. room_id, tokens[number])
    end
  end
end

-- --- people ---

-- A member's record: an array of identity, user id as written, name, digest and bytes of its
-- public key, time of joining, number of connections, when the last of them went, and its bytes.
local function person_of(room_id, user_id)
  local found = redis.call('HGET', TAG .. 'p:' .. room_id, user_id)
  if not found then return nil end
  local record = cmsgpack.unpack(found)
  return {
    user_id = user_id, identity = record[1], written = record[2], name = record[3],
    key_digest = record[4], key_bytes = record[5], joined_ms = record[6],
    connections = record[7], lost_ms = record[8], bytes = record[9],
  }
end

local function save_person(room_id, person)
  redis.call('HSET', TAG .. 'p:' .. room_id, person.user_id, pack({
    person.identity, person.written, person.name, person.key_digest, person.key_bytes,
    person.joined_ms, person.connections, person.lost_ms, person.bytes,
  }))
end

local function is_live(person)
  return person ~= nil and person.connections > 0
end

-- `key` is packed.
local function save_member(room_id, person, key)
  local member = packed_array({ pack(person.written), pack(person.name), key, pack(person.joined_ms) })
  redis.call('HSET', TAG .. 'm:' .. room_id, person.user_id, member)
end

-- The packed public key out of the packed member.
local function key_of(room_id, person)
  local member = redis.call('HGET', TAG .. 'm:' .. room_id, person.user_id)
  local before = 1 + #pack(person.written) + #pack(person.name)
  return member:sub(before + 1, -#pack(person.joined_ms) - 1)
end

local function grow_people(room, added_bytes)
  room.people_bytes = room.people_bytes + added_bytes
  book('bytes', added_bytes)
end

-- Make somebody a member, who is none: a record without connections, and a packed key. `order` is
-- its place in the sequence.
local function add_person(room, person, key, order)
  redis.call('ZADD', TAG .. 'o:' .. room.id, order, person.user_id)
  redis.call('HSET', TAG .. 'd:' .. room.id, person.identity, person.user_id)
  save_member(room.id, person, key)
  grow_people(room, person.bytes)
  book('members', 1)
end

-- By how much a member would grow; nil if the change changes nothing. `change` has a name ('' for none),
-- and a public key packed ('' for none) with its digest and bytes.
local function change_bytes(person, change)
  local has_name = change.name ~= '' and change.name ~= person.name
  local has_key = change.key ~= '' and change.key_digest ~= person.key_digest
  if not (has_name or has_key) then return nil end
  local added = 0
  if change.name ~= '' then added = #change.name - #person.name end
  if change.key ~= '' then added = added + change.key_bytes - person.key_bytes end
  return added
end

-- Make that change, which changes something.
local function change_person(room, person, change)
  grow_people(room, change_bytes(person, change))
  local key = change.key ~= '' and change.key or key_of(room.id, person)
  if change.key ~= '' then
    person.bytes = person.bytes + change.key_bytes - person.key_bytes
    person.key_digest, person.key_bytes = change.key_digest, change.key_bytes
  end
  if change.name ~= '' then
    person.bytes = person.bytes + #change.name - #person.name
    person.name = change.name
  end
  room.seq = room.seq + 1
  save_person(room.id, person)
  save_member(room.id, person, key)
end

-- Take a member out, who has no connection any more. Answers what is told of it.
local function drop_person(room, person, reason, now_ms, skip)
  redis.call('ZREM', TAG .. 'o:' .. room.id, person.user_id)
  redis.call('HDEL', TAG .. 'm:' .. room.id, person.user_id)
  redis.call('HDEL', TAG .. 'p:' .. room.id, person.user_id)
  redis.call('HDEL', TAG .. 'd:' .. room.id, person.identity)
  redis.call('ZREM', TAG .. 'lost', room.id .. NUL .. person.user_id)
  grow_people(room, -person.bytes)
  book('members', -1)
  room.seq = room.seq + 1
  return member_left(skip, room.seq, person.written, reason, now_ms)
end

-- Let a member go. Answers both events.
local function leave_room(room, person, reason, now_ms)
  local left = drop_person(room, person, reason, now_ms)
  save_room(room, 'seq', 'people_bytes')
  tell(room.id, left)
  local changed = members_changed(nil, members_of(room.id))
  tell(room.id, changed, noted_members())
  return left, changed
end

-- Put a member out with all its connections, and void its tokens. Answers both events.
local function put_out(room, person, now_ms)
  for _, connection_id in ipairs(redis.call('HKEYS', TAG .. 'a:' .. room.id)) do
    local here = attachment_of(room.id, connection_id)
    if here.user_id == person.user_id then forget_attachment(room.id, connection_id, here.node) end
  end
  void_tokens(room.id, person.identity)
  return leave_room(room, person, 'removed', now_ms)
end

-- Take a connection off its member. Answers the member.
local function detach(room, connection_id, here, now_ms)
  local person = person_of(room.id, here.user_id)
  forget_attachment(room.id, connection_id, here.node)
  person.connections = person.connections - 1
  if person.connections == 0 then person.lost_ms = now_ms end
  save_person(room.id, person)
  return person
end

-- Note that a connection is gone, if it is attached by this node: it may be by another one by now.
local function lose(room_id, connection_id, node, now_ms)
  redis.call('SREM', TAG .. 'n:' .. node, connection_id .. NUL .. room_id)
  local room = room_of(room_id)
  local here = room and attachment_of(room_id, connection_id)
  if not here or here.node ~= node then return end
  local person = detach(room, connection_id, here, now_ms)
  if is_live(person) then return end
  redis.call('ZADD', TAG .. 'lost', now_ms + room.grace_ms, room_id .. NUL .. person.user_id)
end

-- --- what several scripts ask ---

-- The room and what the connection is in it; nil and a refusal if it is nothing there, or goes on
-- in another process: what its former line has sent is nobody's any more.
local function acting(room_id, connection_id, node)
  local room = room_of(room_id)
  local here = room and attachment_of(room_id, connection_id)
  if not here or here.node ~= node then return nil, refuse('NOT_A_MEMBER') end
  return room, here
end

-- The same for the creator only.
local function ruling(room_id, connection_id, node)
  local room, here = acting(room_id, connection_id, node)
  if not room then return nil, here end
  local person = person_of(room_id, here.user_id)
  if not here.has_proved or person.identity ~= room.creator then
    return nil, refuse('NOT_THE_CREATOR')
  end
  return room, here
end

-- The member that is addressed. `addressed` is '=' and the id as written, or '' for none. Answers
-- nil for everybody; nil and a refusal if there is no such member.
local function recipient_of(room_id, addressed, is_broadcast)
  if addressed == '' then return nil end
  local person = person_of(room_id, plain(addressed:sub(2)))
  if not person and not is_broadcast then return nil, refuse('RECIPIENT_NOT_FOUND') end
  return person
end
