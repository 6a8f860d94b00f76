-- What all scripts begin with: events as bytes, a room's log, and refusals.
--
-- KEYS[1] is a tag such as {hw:17}; each key of a script is the tag and a name. Of a room,
-- <tag>r:<id> is a hash (its field `place` is that of the newest event), <tag>l:<id> its log,
-- and <tag>c:<id> its channel. The field m:<message id> of the hash <tag>h:<id> is the event
-- of a message that the history keeps.

local TAG = KEYS[1]

-- Of one room's log; older events are no longer known.
local LOG_EVENTS = 1000

-- An entry longer than the first leaves the log as many entries as make the second.
local LARGE_BYTES = 2048
local LOG_BYTES = 524288

local function refuse(code)
  return redis.error_reply('HW ' .. code)
end

-- The head of a MessagePack array.
local function head(count)
  if count < 16 then return string.char(0x90 + count) end
  return string.char(0xdc, math.floor(count / 256), count % 256)
end

-- A MessagePack array of values that are packed already.
local function packed_array(values)
  return head(#values) .. table.concat(values)
end

local pack = cmsgpack.pack

local NIL, FALSE, TRUE = '\192', '\194', '\195'

-- nil and '' are nothing.
local function pack_text(text)
  if text == nil or text == '' then return NIL end
  return pack(text)
end

local function pack_flag(flag)
  return flag and TRUE or FALSE
end

-- --- a room's log ---
--
-- It is a list without gaps; its last entry is that of the newest place. An entry is a letter
-- and what follows it:
--   e<event>       as it was published
--   m<message id>  a message, which stands in the history
--   c<skip>        a list of members: who reads the log is told the present one

-- Where the log of a room begins: in a later room of the same id no event has the place
-- of an earlier one's.
local function begin_log(room_id, now_ms)
  redis.call('HSETNX', TAG .. 'r:' .. room_id, 'place', string.format('%.0f', tonumber(now_ms)))
end

local function noted_message(message_id)
  return 'm' .. message_id
end

local function noted_members(skip)
  return 'c' .. (skip or '')
end

local function publish(room_id, place, event)
  redis.call(PUBLISH, TAG .. 'c:' .. room_id, head(2) .. pack(place) .. event)
end

local function trim_log(log, length, entry_bytes)
  local kept = LOG_EVENTS
  if entry_bytes > LARGE_BYTES then
    kept = math.max(1, math.floor(LOG_BYTES / entry_bytes))
  end
  if length > kept then redis.call('LTRIM', log, -kept, -1) end
end

-- Note nothing new of a room. After a script that has written nothing WAIT may ask for less
-- than what a former one wrote on another connection.
local function touch_log(room_id)
  redis.call('HINCRBY', TAG .. 'r:' .. room_id, 'place', 0)
end

-- Tell all processes of an event (packed by its kind, as codec.py reads it) and note it in the
-- log: `noted`, if given, in its stead. Answers its place.
local function tell(room_id, event, noted)
  local place = redis.call('HINCRBY', TAG .. 'r:' .. room_id, 'place', 1)
  local log, entry = TAG .. 'l:' .. room_id, noted or ('e' .. event)
  trim_log(log, redis.call('RPUSH', log, entry), #entry)
  publish(room_id, place, event)
  return place
end

-- --- events: the number of the kind in codec.KINDS, `skip`, and the fields of the struct ---

-- Everything up to the ciphertext, and everything after it. `addressed_as` is packed;
-- `identities` is an array, or nil.
local function message_sent(message)
  local identities = NIL
  if message.identities then
    table.sort(message.identities)
    identities = pack(message.identities)
  end
  local before = head(12) .. table.concat({
    pack(0), pack_text(message.skip), pack(message.seq), pack(message.message_id),
    pack(message.sender), pack_text(message.recipient), message.addressed_as,
  })
  local after = table.concat({
    pack(message.content_type), pack(message.sent_ms), identities,
    pack(message.sender_name or ''),
  })
  return before, after
end

local function member_joined(skip, seq, user_id, name, joined_ms, key)
  return packed_array({
    pack(1), pack_text(skip), pack(seq), pack(user_id), pack(name), pack(joined_ms), key or NIL,
  })
end

local function member_left(skip, seq, user_id, reason, left_ms, name)
  return packed_array({
    pack(2), pack_text(skip), pack(seq), pack(user_id), pack(reason), pack(left_ms),
    pack(name or ''),
  })
end

-- `members` is a packed array.
local function members_changed(skip, members, epoch)
  return packed_array({ pack(3), pack_text(skip), members, pack(epoch or 0) })
end

local function room_locked(skip, locked, locked_ms)
  return packed_array({ pack(7), pack_text(skip), pack_flag(locked), pack(locked_ms) })
end

local function connection_detached(connection_id)
  return packed_array({ pack(10), NIL, pack(connection_id) })
end

local function member_removed(user_id)
  return packed_array({ pack(12), NIL, pack(user_id) })
end

local function room_expired(idle_limit_ms)
  return packed_array({ pack(13), NIL, pack(idle_limit_ms) })
end

local function events_lost()
  return packed_array({ pack(14), NIL })
end
