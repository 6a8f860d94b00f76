-- Count as activity in a room.
--
-- ARGV: room id, connection, node, now.

local room_id = ARGV[1]
local here = attachment_of(room_id, ARGV[2])
if not here or here.node ~= ARGV[3] then return refuse('NOT_A_MEMBER') end
redis.call('HSET', TAG .. 'r:' .. room_id, 'active_ms', ARGV[4])
return redis.status_reply('OK')
