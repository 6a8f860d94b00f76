-- Put a member out with all its connections, void its token, and lock the room.
--
-- ARGV: room id, connection, node, user id, now.
-- Answers what was told.

local room, here = ruling(ARGV[1], ARGV[2], ARGV[3])
if not room then return here end
local user_id, now_ms = plain(ARGV[4]), tonumber(ARGV[5])
local person = person_of(room.id, user_id)
if not person then return refuse('RECIPIENT_NOT_FOUND') end
if user_id == here.user_id then return refuse('REMOVING_ONESELF') end

room.locked = true
save_room(room, 'locked')
local removed = member_removed(person.written)
tell(room.id, removed)
local left, changed = put_out(room, person, now_ms)
local locked = room_locked(nil, true, now_ms)
tell(room.id, locked)
return { removed, left, changed, locked }
