-- Put a member out with all its connections, void its token, and lock the room.
--
-- ARGV: room id, connection, user id, now.
-- Answers what was told.

local room, here = ruling(ARGV[1], ARGV[2])
if not room then return here end
local user_id, now_ms = plain(ARGV[3]), tonumber(ARGV[4])
local person = person_of(room.id, user_id)
if not person then return refuse('RECIPIENT_NOT_FOUND') end
if user_id == here.user_id then return refuse('REMOVING_ONESELF') end

for _, connection_id in ipairs(redis.call('HKEYS', TAG .. 'a:' .. room.id)) do
  local attached = attachment_of(room.id, connection_id)
  if attached.user_id == user_id then forget_attachment(room.id, connection_id, attached.node) end
end
void_tokens(room.id, person.identity)
room.locked = true
save_room(room, 'locked')
local removed = member_removed(person.written)
tell(room.id, removed)
local left, changed = leave_room(room, person, 'removed', now_ms)
local locked = room_locked(nil, true, now_ms)
tell(room.id, locked)
return { removed, left, changed, locked }
