-- Detach one connection; with its last one a member leaves.
--
-- ARGV: room id, connection, node, now.
-- Answers what was told.

local connection_id, now_ms = ARGV[2], tonumber(ARGV[4])
local room, here = acting(ARGV[1], connection_id, ARGV[3])
if not room then return here end
local person = detach(room, connection_id, here, now_ms)
local detached = connection_detached(connection_id)
tell(room.id, detached)
if is_live(person) then return { detached } end
return { detached, leave_room(room, person, 'left', now_ms) }
