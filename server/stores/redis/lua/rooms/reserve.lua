-- Make a room, or find the one that has this key.
--
-- ARGV: room id, hash of the key ('' for none), now; the policy (5).
-- Answers 1 if it was made else 0, and when it expires.

local room_id, key_hash, now_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local room = room_of(room_id)
if room and room.key_hash ~= key_hash then return refuse('ROOM_EXISTS') end
local is_made = not room
if is_made then
  local refusal = lacking('rooms', 1)
  if refusal then return refusal end
  room = new_room(room_id, key_hash, { unpack(ARGV, 4, 8) }, now_ms)
  add_room(room)
end
return { is_made and 1 or 0, room.active_ms + room.idle_limit_ms }
