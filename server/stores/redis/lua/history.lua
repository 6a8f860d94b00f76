-- The bounded history of a session, and the ids that make sending idempotent (see room.lua).

-- The record of a message: an array of the identity of its sender, its bytes, and where in the
-- event the ciphertext is: how many bytes come before it, and how many it has. If the identity
-- is not known (''), the sender's user id follows.
local function message_record(found)
  local record = cmsgpack.unpack(found)
  return {
    sender = record[1], bytes = record[2], before = record[3], ciphertext = record[4],
    user_id = record[5],
  }
end

-- The oldest messages that go when one of so many bytes comes, each with what is kept of it; and
-- their bytes in all.
local function leavers_of(room, added_bytes, added_count)
  local kept, history = TAG .. 'q:' .. room.id, TAG .. 'h:' .. room.id
  local count = redis.call('ZCARD', kept)
  local too_many = count + added_count - room.history_messages
  local too_heavy = room.messages_bytes + added_bytes - room.history_bytes
  local leavers, freed = {}, 0
  while #leavers < count and (#leavers < too_many or freed < too_heavy) do
    local oldest = redis.call('ZRANGE', kept, #leavers, #leavers, 'WITHSCORES')
    local found = redis.call('HMGET', history, 'r:' .. oldest[1], 'm:' .. oldest[1])
    local leaver = message_record(found[1])
    leaver.id, leaver.seq, leaver.event = oldest[1], tonumber(oldest[2]), found[2]
    leavers[#leavers + 1] = leaver
    freed = freed + leaver.bytes
  end
  return leavers, freed
end

-- Let messages go; their ids still answer a retry, as many as the history is long.
local function trim_messages(room, leavers)
  local kept, history, trimmed = TAG .. 'q:' .. room.id, TAG .. 'h:' .. room.id, TAG .. 'z:' .. room.id
  for _, leaver in ipairs(leavers) do
    local after = leaver.event:sub(leaver.before + leaver.ciphertext + 1)
    redis.call('ZREM', kept, leaver.id)
    redis.call('HDEL', history, 'm:' .. leaver.id)
    redis.call('HSET', history, 't:' .. leaver.id, leaver.event:sub(1, leaver.before) .. pack('') .. after)
    room.trimmed_seq = math.max(room.trimmed_seq, leaver.seq)
    room.messages_bytes = room.messages_bytes - leaver.bytes
    if redis.call('RPUSH', trimmed, leaver.id) > room.history_messages then
      local oldest = redis.call('LPOP', trimmed)
      redis.call('HDEL', history, 'r:' .. oldest, 't:' .. oldest)
    end
  end
end

-- Keep a message. `record` is as `message_record` has it.
local function keep_message(room, seq, id, event, record)
  redis.call('ZADD', TAG .. 'q:' .. room.id, seq, id)
  local packed = pack({ record.sender, record.bytes, record.before, record.ciphertext, record.user_id })
  redis.call('HSET', TAG .. 'h:' .. room.id, 'm:' .. id, event, 'r:' .. id, packed)
  room.messages_bytes = room.messages_bytes + record.bytes
end
