-- The member that is addressed.
--
-- ARGV: room id, connection, node, whom (see `recipient_of`), 1 if that may mean everybody.
-- Answers the user id as written, or nil for everybody.

local room, refusal = acting(ARGV[1], ARGV[2], ARGV[3])
if not room then return refusal end
local person, not_found = recipient_of(room.id, ARGV[4], ARGV[5] == '1')
if not_found then return not_found end
return person and person.written or false
