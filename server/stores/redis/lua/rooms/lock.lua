-- Keep newcomers out, or let them in again. Who asks for it tells it.
--
-- ARGV: room id, connection, node, 1 or 0.

local room, refusal = ruling(ARGV[1], ARGV[2], ARGV[3])
if not room then return refusal end
room.locked = ARGV[4] == '1'
save_room(room, 'locked')
return redis.status_reply('OK')
