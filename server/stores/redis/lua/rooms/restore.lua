-- Bring back what one process knows of a room, after Redis came back without it or as it was before.
-- What several processes bring is merged, in any order, and again for the same changes nothing.
--
-- ARGV: room id, node, now; hash of the key, the policy (5), 1 if locked, identity of the creator, when the
-- room was made; the newest sequence number and place that the process has heard of, and the
-- sequence number after which it has all messages. Then, each with their number in front:
--   members: identity, user id as written, name, public key packed ('' for none), its digest, its
--     bytes, time of joining, place in the sequence, bytes, hash of the token ('' if not known);
--     and their connections here, with their number in front: each with 1 if it has proved
--   connections here that are about to be attached
--   identities of members that were removed
--   messages: id, sequence number, event (packed), bytes before the ciphertext, bytes of that,
--     bytes, identity of the sender ('' if not known), its user id
-- Answers the newest place, and the connections that are not attached: somebody else has
-- their member's id, or another process them, or it is another room.

local next_argument = 0

local function take()
  next_argument = next_argument + 1
  return ARGV[next_argument]
end

local function number()
  return tonumber(take())
end

-- What `read` makes of each of the following.
local function list(read)
  local found = {}
  for _ = 1, number() do found[#found + 1] = read() end
  return found
end

local room_id, node, now_ms = take(), take(), number()
local key_hash, policy = take(), { take(), take(), take(), take(), take() }
local locked, creator, created_ms = take() == '1', take(), number()
local seq, place, floor = number(), number(), number()

local members = list(function()
  local member = { identity = take(), written = take(), name = take(), key = take() }
  member.key_digest, member.key_bytes = take(), number()
  member.joined_ms, member.order, member.bytes, member.token = number(), number(), number(), take()
  member.attached = list(function() return { id = take(), has_proved = take() == '1' } end)
  return member
end)
local coming = list(take)
local removed = list(take)
local messages = list(function()
  local message = { id = take(), seq = number(), event = take(), before = number() }
  message.ciphertext, message.bytes, message.sender, message.user_id = number(), number(), take(), take()
  return message
end)

local rejected = {}
local function reject(member)
  for _, attached in ipairs(member.attached) do rejected[#rejected + 1] = attached.id end
end

-- --- is it the room, and is there space for it? ---

local room = room_of(room_id)
local is_made = not room
if room and room.key_hash ~= key_hash then
  for _, member in ipairs(members) do reject(member) end
  return { tonumber(redis.call('HGET', TAG .. 'r:' .. room_id, 'place')), unpack(rejected) }
end
local added_bytes = 0
for _, member in ipairs(members) do
  if redis.call('HEXISTS', TAG .. 'd:' .. room_id, member.identity) == 0 then
    added_bytes = added_bytes + member.bytes
  end
end
for _, message in ipairs(messages) do
  if redis.call('HEXISTS', TAG .. 'h:' .. room_id, 'r:' .. message.id) == 0 then
    added_bytes = added_bytes + message.bytes
  end
end
local refusal = lacking('bytes', added_bytes)
if refusal then return refusal end
refusal = is_made and lacking('rooms', 1)
if refusal then return refusal end

-- --- the room itself ---

if is_made then
  room = new_room(room_id, key_hash, policy, now_ms)
  room.created_ms = created_ms
  add_room(room)
end
local seq_before = room.seq
local hash = TAG .. 'r:' .. room_id
-- Whoever has heard most knows best what can change. What restoring itself tells does not count.
local told = redis.call('HMGET', hash, 'place', 'place_restored', 'place_brought')
local is_untouched = told[1] == told[2]
local knows_best = place >= tonumber(is_untouched and told[3] or told[1])
if knows_best then room.locked = locked end
if place > tonumber(told[1]) then
  -- The log has no place for what was told after it ended.
  redis.call('HSET', hash, 'place', whole(place))
  redis.call('DEL', TAG .. 'l:' .. room_id)
end
if room.creator == '' then room.creator = creator end
room.seq = math.max(room.seq, seq)
room.active_ms = math.max(room.active_ms, now_ms)

-- Up to where there is a gap in the history: what came after the last message that Redis still had,
-- and before the first that anybody brings.
local function close_gap()
  local gap = redis.call('HMGET', hash, 'gap_end', 'gap_begin', 'trimmed_before')
  local gap_end, gap_begin, before = tonumber(gap[1] or -1), tonumber(gap[2] or 0), tonumber(gap[3] or 0)
  if gap_end < 0 or gap_end ~= room.trimmed_seq then
    if not is_made and floor <= seq_before then return end
    gap_begin, before = seq_before, room.trimmed_seq
    room.trimmed_seq = floor
  elseif floor < gap_end and seq >= gap_end then
    room.trimmed_seq = floor
  else
    return
  end
  if not is_made and room.trimmed_seq <= gap_begin then room.trimmed_seq = before end
  redis.call('HSET', hash, 'gap_end', whole(room.trimmed_seq), 'gap_begin', whole(gap_begin),
    'trimmed_before', whole(before))
end

close_gap()

-- --- its people ---

local has_changed = false

local function restore_person(member)
  local user_id = plain(member.written)
  local person = person_of(room_id, user_id)
  if person and person.identity == member.identity then
    local change = {
      name = member.name, key = member.key, key_digest = member.key_digest,
      key_bytes = member.key_bytes,
    }
    if knows_best and change_bytes(person, change) then
      local known_seq = room.seq
      change_person(room, person, change)
      room.seq = known_seq -- it has been counted when it was changed
      has_changed = true
    end
    return person
  end
  local is_elsewhere = redis.call('HEXISTS', TAG .. 'd:' .. room_id, member.identity) == 1
  -- Who was there stays, even if others have taken the last places meanwhile.
  if person or is_elsewhere then return nil end
  person = {
    user_id = user_id, identity = member.identity, written = member.written, name = member.name,
    key_digest = member.key_digest, key_bytes = member.key_bytes, joined_ms = member.joined_ms,
    connections = 0, lost_ms = now_ms, bytes = member.bytes,
  }
  add_person(room, person, member.key ~= '' and member.key or NIL, member.order)
  has_changed = true
  return person
end

local function restore_attachment(person, attached)
  local here = attachment_of(room_id, attached.id)
  if here and (here.node ~= node or here.user_id ~= person.user_id) then
    rejected[#rejected + 1] = attached.id
    return
  end
  if not here then person.connections = person.connections + 1 end
  local has_proved = attached.has_proved or (here ~= nil and here.has_proved)
  attach(room_id, attached.id, person.user_id, has_proved, node)
end

-- Take off what this process has not attached: who left since is not there again.
local function drop_strangers()
  local own = {}
  for _, connection_id in ipairs(coming) do own[connection_id] = true end
  for _, member in ipairs(members) do
    for _, attached in ipairs(member.attached) do own[attached.id] = true end
  end
  for _, connection_id in ipairs(redis.call('HKEYS', TAG .. 'a:' .. room_id)) do
    local here = attachment_of(room_id, connection_id)
    if here.node == node and not own[connection_id] then
      local person = detach(room, connection_id, here, now_ms)
      if not is_live(person) then leave_room(room, person, 'lost', now_ms) end
    end
  end
end

drop_strangers()
for _, identity in ipairs(removed) do
  void_tokens(room_id, identity)
  local user_id = redis.call('HGET', TAG .. 'd:' .. room_id, identity)
  if user_id then put_out(room, person_of(room_id, user_id), now_ms) end
end
for _, member in ipairs(members) do
  local person = restore_person(member)
  if person then
    for _, attached in ipairs(member.attached) do restore_attachment(person, attached) end
    if is_live(person) then
      person.lost_ms = 0
      redis.call('ZREM', TAG .. 'lost', room_id .. NUL .. person.user_id)
    else
      redis.call('ZADD', TAG .. 'lost', now_ms + room.grace_ms, room_id .. NUL .. person.user_id)
    end
    save_person(room_id, person)
    if member.token ~= '' then remember_token(room, member.token, member.identity, member.order) end
  else
    reject(member)
  end
end

-- --- its messages ---

local bytes_before = room.messages_bytes
for _, message in ipairs(messages) do
  local is_known = redis.call('HEXISTS', TAG .. 'h:' .. room_id, 'r:' .. message.id) == 1
  if message.seq > room.trimmed_seq and not is_known then
    keep_message(room, message.seq, message.id, message.event, message)
  elseif is_known and message.sender ~= '' then
    local history = TAG .. 'h:' .. room_id
    local record = message_record(redis.call('HGET', history, 'r:' .. message.id))
    if record.sender == '' then
      redis.call('HSET', history, 'r:' .. message.id,
        pack({ message.sender, record.bytes, record.before, record.ciphertext }))
    end
  end
end
trim_messages(room, (leavers_of(room, 0, 0)))
book('bytes', room.messages_bytes - bytes_before)

save_room(room, 'seq', 'active_ms', 'people_bytes', 'messages_bytes', 'trimmed_seq', 'creator', 'locked')
if has_changed then tell(room_id, members_changed(nil, members_of(room_id)), noted_members()) end
-- What this process knows, and others may not have heard, stands in no log any more: all are to
-- ask for it.
if is_made or seq > seq_before then tell(room_id, events_lost()) end
local newest = redis.call('HGET', hash, 'place')
local brought = math.max(place, is_untouched and tonumber(told[3]) or 0)
redis.call('HSET', hash, 'place_restored', newest, 'place_brought', whole(brought))
return { tonumber(newest), unpack(rejected) }
