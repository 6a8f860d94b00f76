-- The members of a room, for one of its connections.
--
-- ARGV: room id, connection, node.
-- Answers them packed.

local room, refusal = acting(ARGV[1], ARGV[2], ARGV[3])
if not room then return refusal end
return members_of(room.id)
