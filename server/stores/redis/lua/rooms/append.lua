-- Put a message into the history under the next sequence number, at most once an id.
--
-- ARGV: room id, connection, message id; whom (see `recipient_of`), 1 if that may mean everybody, whom
-- packed; ciphertext packed, content type, bytes of the message without its sender's id, now.
-- Answers an array: 0, sequence number, sender, recipient ('' for everybody), identities of both.
-- Of a repeat: 1, 1 if it was trimmed, 1 if the connection has proved to be its sender, the event.

local room_id, connection_id, message_id = ARGV[1], ARGV[2], ARGV[3]
local ciphertext, now_ms = ARGV[7], tonumber(ARGV[10])
local room, here = acting(room_id, connection_id)
if not room then return here end
local sender = person_of(room_id, here.user_id)
local history, kept = TAG .. 'h:' .. room_id, TAG .. 'q:' .. room_id

-- A record is an array: identity of the sender, bytes, and where in the event the ciphertext
-- is: how many bytes come before it, and how many it has.
local function record_of(id)
  return cmsgpack.unpack(redis.call('HGET', history, 'r:' .. id))
end

local known = redis.call('HMGET', history, 'r:' .. message_id, 'm:' .. message_id, 't:' .. message_id)
if known[1] then
  if cmsgpack.unpack(known[1])[1] ~= sender.identity then return refuse('ID_CONFLICT') end
  return { 1, known[2] and 0 or 1, here.has_proved and 1 or 0, known[2] or known[3] }
end

local recipient, not_found = recipient_of(room_id, ARGV[4], ARGV[5] == '1')
if not_found then return not_found end

-- --- how many of the oldest go? ---

-- Twice, as each backend counts it: once for what stays of a message when it is trimmed.
local weight = tonumber(ARGV[9]) + 2 * #here.user_id
local count = redis.call('ZCARD', kept)
local too_many = count + 1 - room.history_messages
local too_heavy = room.messages_bytes + weight - room.history_bytes
local leavers, freed = {}, 0
while #leavers < count and (#leavers < too_many or freed < too_heavy) do
  local id = redis.call('ZRANGE', kept, #leavers, #leavers)[1]
  leavers[#leavers + 1] = id
  freed = freed + record_of(id)[2]
end
local refusal = lacking('bytes', weight - freed)
if refusal then return refusal end

local function trim(id)
  local event, record = redis.call('HGET', history, 'm:' .. id), record_of(id)
  local bare = event:sub(1, record[3]) .. pack('') .. event:sub(record[3] + record[4] + 1)
  room.trimmed_seq = tonumber(redis.call('ZSCORE', kept, id))
  redis.call('ZREM', kept, id)
  redis.call('HDEL', history, 'm:' .. id)
  redis.call('HSET', history, 't:' .. id, bare)
  local trimmed = TAG .. 'z:' .. room_id
  -- The ids of trimmed messages still answer a retry, as many as the history is long.
  if redis.call('RPUSH', trimmed, id) > room.history_messages then
    local oldest = redis.call('LPOP', trimmed)
    redis.call('HDEL', history, 'r:' .. oldest, 't:' .. oldest)
  end
end

for _, id in ipairs(leavers) do trim(id) end

-- --- it stands ---

room.seq = room.seq + 1
room.active_ms = now_ms
room.messages_bytes = room.messages_bytes + weight - freed
local identities = nil
if recipient then
  identities = { sender.identity }
  if recipient.identity ~= sender.identity then identities[2] = recipient.identity end
end
local before, after = message_sent({
  skip = connection_id, seq = room.seq, message_id = message_id, sender = sender.written,
  recipient = recipient and recipient.written, addressed_as = ARGV[6],
  content_type = ARGV[8], sent_ms = now_ms, identities = identities,
})
local event = before .. ciphertext .. after
redis.call('ZADD', kept, room.seq, message_id)
redis.call('HSET', history, 'm:' .. message_id, event,
  'r:' .. message_id, pack({ sender.identity, weight, #before, #ciphertext }))
save_room(room, 'seq', 'active_ms', 'messages_bytes', 'trimmed_seq')
book('bytes', weight - freed)
tell(room_id, event, noted_message(message_id))
return { 0, room.seq, sender.written, recipient and recipient.written or '', identities or {} }
