-- Attach a connection, as a new member or as one more connection of a known one.
--
-- ARGV: room id, user id as written, connection, node; hash of the room's key ('' for none);
-- 1 to be the creator; name, public key packed, its digest, its bytes ('' for none); hash of the
-- token shown ('' for none); identity and hash of the token for a new member, and
-- its bytes; last place seen; 1 if the connection may be in one more room; now; the policy (5);
-- 1 if it comes back as the member that it was, and wants no messages.
-- Answers 1 or 0 for each of: new, proved, token good, creator, room made, locked, truncated; then
-- the newest sequence number and place; the member's identity and where in the sequence it joined;
-- hash of the room's key, identity of its creator, when it was made, and the sequence number of
-- the newest message; the members packed; what was told, as in the log; the messages.

local room_id, written, connection_id, node = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local key_hash, as_creator = ARGV[5], ARGV[6] == '1'
local change = {
  name = ARGV[7], key = ARGV[8], key_digest = ARGV[9], key_bytes = tonumber(ARGV[10]),
}
local token, new_identity, new_token = ARGV[11], ARGV[12], ARGV[13]
local new_bytes, since_seq = tonumber(ARGV[14]), tonumber(ARGV[15])
local may_attach, now_ms = ARGV[16] == '1', tonumber(ARGV[17])
local is_return = ARGV[23] == '1'
local user_id = plain(written)
local events = {}

-- Tell it, and answer it as the log has it.
local function happened(event, noted)
  tell(room_id, event, noted)
  events[#events + 1] = noted or 'e' .. event
end

-- --- may it come in? ---

local room = room_of(room_id)
local is_made = not room
if is_made and not as_creator then return refuse('ROOM_NOT_FOUND') end
if room and room.key_hash ~= '' and room.key_hash ~= key_hash then return refuse('INVALID_KEY') end
local here = room and attachment_of(room_id, connection_id)
if not here and not may_attach then return refuse('TOO_MANY_ROOMS') end
room = room or new_room(room_id, key_hash, { unpack(ARGV, 18, 22) }, now_ms)

local identity = token ~= '' and redis.call('HGET', TAG .. 't:' .. room_id, token) or nil
-- From process to process a connection goes by coming back; its former line joins nothing.
if here and here.node ~= node and not is_return then return refuse('NOT_A_MEMBER') end
if here and here.user_id ~= user_id then return refuse('SOMEBODY_ELSE') end
local person = person_of(room_id, user_id)
local same_key = person and change.key ~= '' and change.key_digest == person.key_digest
local known = here or (person and (identity == person.identity or (same_key and not room.locked)))

local leavers = {}
if not known then
  if is_return and not identity then return refuse('NOT_A_MEMBER') end
  leavers[1] = person
  local holder = identity and redis.call('HGET', TAG .. 'd:' .. room_id, identity)
  if holder and holder ~= user_id then leavers[#leavers + 1] = person_of(room_id, holder) end
  if room.locked and not identity then return refuse('ROOM_LOCKED') end
  if is_live(leavers[1]) or is_live(leavers[2]) then return refuse('USER_ID_TAKEN') end
  local members = redis.call('ZCARD', TAG .. 'o:' .. room_id)
  if members - #leavers >= room.capacity then return refuse('ROOM_FULL ' .. whole(room.capacity)) end
end
local has_proved = not known or person.identity == identity or (here and here.has_proved) or false

local changed_bytes = known and has_proved and not is_return and change_bytes(person, change) or nil
local refusal = lacking('bytes', known and (changed_bytes or 0) or new_bytes)
if refusal then return refusal end
refusal = is_made and lacking('rooms', 1)
if refusal then return refusal end

-- --- it comes in ---

local seen_most = room.seq
if is_made then add_room(room) end
local told_members = nil
if not known then
  for _, leaver in ipairs(leavers) do
    happened(drop_person(room, leaver, 'lost', now_ms, connection_id))
  end
  room.seq = room.seq + 1
  person = {
    user_id = user_id, identity = identity or new_identity, written = written,
    name = change.name ~= '' and change.name or user_id, joined_ms = now_ms,
    key_digest = change.key_digest, key_bytes = change.key_bytes, bytes = new_bytes,
    connections = 0, lost_ms = 0,
  }
  add_person(room, person, change.key ~= '' and change.key or NIL, room.seq)
  if not identity then remember_token(room, new_token, new_identity, room.seq) end
  happened(member_joined(connection_id, room.seq, written, person.name, now_ms))
elseif changed_bytes then
  change_person(room, person, change)
end

if here and here.node ~= node then forget_attachment(room_id, connection_id, here.node) end
attach(room_id, connection_id, user_id, has_proved, node)
if not here then person.connections = person.connections + 1 end
if person.connections == 1 then
  person.lost_ms = 0
  redis.call('ZREM', TAG .. 'lost', room_id .. NUL .. user_id)
end
save_person(room_id, person)
if as_creator and has_proved and room.creator == '' then room.creator = person.identity end
room.active_ms = now_ms
save_room(room, 'seq', 'active_ms', 'people_bytes', 'creator')

local members = members_of(room_id)
if not known or changed_bytes then
  happened(members_changed(connection_id, members), noted_members(connection_id))
end

-- --- what it finds ---

-- Who has seen more than there is, or holds a token that was never given here, has seen a room
-- of the same id that ended.
local is_foreign = token ~= '' and redis.call('HEXISTS', TAG .. 't:' .. room_id, token) == 0
local is_another_room = since_seq > seen_most or (since_seq > 0 and is_foreign)
if is_another_room then since_seq = 0 end
local message_ids = is_return and {}
  or redis.call('ZRANGEBYSCORE', TAG .. 'q:' .. room_id, '(' .. whole(since_seq), '+inf')
local token_is_good
if known then token_is_good = identity == person.identity else token_is_good = identity ~= nil end

local function flag(value)
  return value and 1 or 0
end

return {
  flag(not known and not identity), flag(has_proved), flag(token_is_good),
  flag(has_proved and person.identity == room.creator), flag(is_made), flag(room.locked),
  flag(is_another_room or since_seq < room.trimmed_seq), room.seq,
  tonumber(redis.call('HGET', TAG .. 'r:' .. room_id, 'place')),
  person.identity, tonumber(redis.call('ZSCORE', TAG .. 'o:' .. room_id, user_id)),
  room.key_hash, room.creator, room.created_ms,
  tonumber(redis.call('ZREVRANGE', TAG .. 'q:' .. room_id, 0, 0, 'WITHSCORES')[2] or room.trimmed_seq),
  members, events, values_of(TAG .. 'h:' .. room_id, message_ids, 'm:'),
}
