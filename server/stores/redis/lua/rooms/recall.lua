-- The newest messages of a room, for a process that holds none of them.
--
-- ARGV: room id, how many at most, and bytes of their ciphertexts at most.
-- Answers the sequence number after which these are all; then, the newest first, of each the
-- identity of its sender ('' if not known) and the event.

local room_id, most, most_bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local room = room_of(room_id)
if not room then return { 0 } end

local found, bytes = {}, 0
local newest = redis.call('ZREVRANGE', TAG .. 'q:' .. room_id, 0, most, 'WITHSCORES')
for number = 1, #newest, 2 do
  local id, seq = newest[number], tonumber(newest[number + 1])
  local kept = redis.call('HMGET', TAG .. 'h:' .. room_id, 'r:' .. id, 'm:' .. id)
  local record = message_record(kept[1])
  bytes = bytes + record.ciphertext
  if number > 2 * most or bytes > most_bytes then return { seq, unpack(found) } end
  found[#found + 1] = record.sender
  found[#found + 1] = kept[2]
end
return { room.trimmed_seq, unpack(found) }
