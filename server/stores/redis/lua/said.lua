-- What was said in a random group. Needs group.lua.
--
-- Of a group there are, under <tag>:
--   h:<id>  hash: m:<message id>, the event (packed), while the history keeps it;
--           i:<message id>, what answers a retry then and for a while after it
--   k:<id>  list: the ids of messages that are kept; f:<id>, of those that have left the history
--   w:<id>  hash: of each sender how many of its messages are kept

local function history_key(group)
  return TAG .. 'h:' .. group.id
end

-- What is known of a message: number (the first of the group has 1), seq, size_bytes, sender and
-- recipient ('' for all) without marks, and the event before and after its ciphertext.
local function pack_note(note)
  return struct.pack('>I4I4I4I2c0I2c0I2c0c0', note.number, note.seq, note.size_bytes,
    #note.sender, note.sender, #note.recipient, note.recipient, #note.first, note.first, note.last)
end

local function find_note(group, message_id)
  local packed = redis.call('HGET', history_key(group), 'i:' .. message_id)
  if not packed then return nil end
  local number, seq, size_bytes, sender, recipient, first, rest =
    struct.unpack('>I4I4I4I2c0I2c0I2c0', packed)
  return {
    id = message_id, number = number, seq = seq, size_bytes = size_bytes, sender = sender,
    recipient = recipient, first = first, last = packed:sub(rest),
  }
end

local function may_read(note, reader)
  return note.recipient == '' or note.sender == reader or note.recipient == reader
end

-- The message as an event; of one that has left the history with the ciphertext of the retry.
local function event_of(group, note, ciphertext)
  local event = redis.call('HGET', history_key(group), 'm:' .. note.id)
  return event or (note.first .. ciphertext .. note.last)
end

-- The messages that go when one of that size comes, and their bytes in all.
local function leavers(group, size_bytes)
  local key = TAG .. 'k:' .. group.id
  local too_many = redis.call('LLEN', key) + 1 - HISTORY_MESSAGES
  local too_heavy = group.said_bytes + size_bytes - HISTORY_BYTES
  local found, freed_bytes = {}, 0
  while too_many > 0 or too_heavy > 0 do
    local id = redis.call('LINDEX', key, #found)
    if not id then break end
    local note = find_note(group, id)
    found[#found + 1] = note
    freed_bytes = freed_bytes + note.size_bytes
    too_many, too_heavy = too_many - 1, too_heavy - note.size_bytes
  end
  return found, freed_bytes
end

local function trim(group, note)
  local history, words = history_key(group), TAG .. 'w:' .. group.id
  redis.call('LPOP', TAG .. 'k:' .. group.id)
  redis.call('HDEL', history, 'm:' .. note.id)
  if redis.call('HINCRBY', words, note.sender, -1) == 0 then
    redis.call('HDEL', words, note.sender)
  end
  if redis.call('RPUSH', TAG .. 'f:' .. group.id, note.id) > HISTORY_MESSAGES then
    redis.call('HDEL', history, 'i:' .. redis.call('LPOP', TAG .. 'f:' .. group.id))
  end
end

-- Keep a message under the next sequence number and tell it.
local function keep(group, note, ciphertext, now_ms)
  local going, freed_bytes = leavers(group, note.size_bytes)
  need_space(note.size_bytes - freed_bytes)
  for _, one in ipairs(going) do trim(group, one) end
  local history, event = history_key(group), note.first .. ciphertext .. note.last
  redis.call('HSET', history, 'm:' .. note.id, event, 'i:' .. note.id, pack_note(note))
  redis.call('RPUSH', TAG .. 'k:' .. group.id, note.id)
  redis.call('HINCRBY', TAG .. 'w:' .. group.id, note.sender, 1)
  redis.call('HSET', TAG .. 'r:' .. group.id, 'seq', note.seq, 'said', note.number,
    'said_bytes', group.said_bytes + note.size_bytes - freed_bytes, 'active_ms', now_ms)
  redis.call('ZADD', ACTIVE, now_ms, group.id)
  book('bytes', note.size_bytes - freed_bytes)
  announce(group, event, noted_message(note.id))
end

-- Whether the reader can read a message of that sender here.
local function has_word_of(group, sender, reader)
  if redis.call('HEXISTS', TAG .. 'w:' .. group.id, sender) == 0 then return false end
  for _, id in ipairs(redis.call('LRANGE', TAG .. 'k:' .. group.id, 0, -1)) do
    local note = find_note(group, id)
    if note.sender == sender and may_read(note, reader) then return true end
  end
  return false
end

-- The newest messages before one (nil for the end) that the reader may read, the newest first;
-- and whether there are older ones.
local function read_back(group, note, reader, limit)
  local key = TAG .. 'k:' .. group.id
  local count = redis.call('LLEN', key)
  if note then count = math.max(0, count - (group.said - note.number) - 1) end
  local found = {}
  while count > 0 do
    local start = math.max(0, count - limit - 1)
    local ids = redis.call('LRANGE', key, start, count - 1)
    for place = #ids, 1, -1 do
      local one = find_note(group, ids[place])
      if may_read(one, reader) then
        if #found == limit then return found, true end
        found[#found + 1] = event_of(group, one, '')
      end
    end
    count = start
  end
  return found, false
end
