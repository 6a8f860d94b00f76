-- What all scripts begin with: events as bytes, a room's log, and refusals.
--
-- KEYS[1] is a tag such as {hw:17}; each key of a script is the tag and a name. Of a room,
-- <tag>r:<id> is a hash (its field `place` is that of the newest event), <tag>l:<id> its log,
-- and <tag>c:<id> its channel.

local TAG = KEYS[1]

-- Of one room's log; older events are no longer known.
local LOG_EVENTS = 1000

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

-- Where the log of a room begins: in a later room of the same id no event has the place
-- of an earlier one's.
local function begin_log(room_id, now_ms)
  redis.call('HSETNX', TAG .. 'r:' .. room_id, 'place', string.format('%.0f', tonumber(now_ms)))
end

-- Tell all processes of an event (packed by its kind, as codec.py reads it) and note it in the
-- log: `noted`, if given, in its stead, as a reference that `missed` follows.
local function tell(room_id, event, noted)
  local place = redis.call('HINCRBY', TAG .. 'r:' .. room_id, 'place', 1)
  local log = TAG .. 'l:' .. room_id
  redis.call('RPUSH', log, head(2) .. pack(place) .. (noted or event))
  redis.call('LTRIM', log, -LOG_EVENTS, -1)
  redis.call(PUBLISH, TAG .. 'c:' .. room_id, head(2) .. pack(place) .. event)
  return place
end
