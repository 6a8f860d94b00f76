-- Count as activity in a room.
--
-- ARGV: room id, connection, now.

local room_id = ARGV[1]
if redis.call('HEXISTS', TAG .. 'a:' .. room_id, ARGV[2]) == 0 then return refuse('NOT_A_MEMBER') end
redis.call('HSET', TAG .. 'r:' .. room_id, 'active_ms', ARGV[3])
return redis.status_reply('OK')
