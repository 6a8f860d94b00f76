-- Put a message into the history under the next sequence number, at most once an id.
--
-- ARGV: room id, connection, node, message id; whom (see `recipient_of`), 1 if that may mean
-- everybody, whom packed; ciphertext packed, content type, bytes of the message without its
-- sender's id, now.
-- Answers an array: 0, sequence number, identity and user id of the sender, user id of the
-- recipient ('' for everybody), identities of both.
-- Of a repeat: 1, 1 if it was trimmed, 1 if the connection has proved to be its sender, the event.

local room_id, connection_id, message_id = ARGV[1], ARGV[2], ARGV[4]
local ciphertext, now_ms = ARGV[8], tonumber(ARGV[11])
local room, here = acting(room_id, connection_id, ARGV[3])
if not room then return here end
local sender = person_of(room_id, here.user_id)

local function is_of_sender(record)
  if record.sender == '' then return record.user_id == sender.user_id end
  return record.sender == sender.identity
end

local found = redis.call('HMGET', TAG .. 'h:' .. room_id,
  'r:' .. message_id, 'm:' .. message_id, 't:' .. message_id)
if found[1] then
  if not is_of_sender(message_record(found[1])) then return refuse('ID_CONFLICT') end
  touch_log(room_id)
  return { 1, found[2] and 0 or 1, here.has_proved and 1 or 0, found[2] or found[3] }
end

local recipient, not_found = recipient_of(room_id, ARGV[5], ARGV[6] == '1')
if not_found then return not_found end
-- Twice, as room_sizes.py counts words: once for what stays of a message when it is trimmed.
local bytes = tonumber(ARGV[10]) + 2 * #sender.user_id
local leavers, freed = leavers_of(room, bytes, 1)
local refusal = lacking('bytes', bytes - freed)
if refusal then return refusal end

trim_messages(room, leavers)
room.seq = room.seq + 1
room.active_ms = now_ms
local identities = nil
if recipient then
  identities = { sender.identity }
  if recipient.identity ~= sender.identity then identities[2] = recipient.identity end
end
local before, after = message_sent({
  skip = connection_id, seq = room.seq, message_id = message_id, sender = sender.written,
  recipient = recipient and recipient.written, addressed_as = ARGV[7],
  content_type = ARGV[9], sent_ms = now_ms, identities = identities,
})
local event = before .. ciphertext .. after
keep_message(room, room.seq, message_id, event, {
  sender = sender.identity, bytes = bytes, before = #before, ciphertext = #ciphertext,
})
save_room(room, 'seq', 'active_ms', 'messages_bytes', 'trimmed_seq')
book('bytes', bytes - freed)
tell(room_id, event, noted_message(message_id))
return {
  0, room.seq, sender.identity, sender.written, recipient and recipient.written or '',
  identities or {},
}
