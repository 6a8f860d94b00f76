-- Tell all processes of an event that no other script tells.
--
-- ARGV: room id, the event (packed), 1 if it goes into the log and 0 if it is of the moment.
-- Answers its place: 0 if it has none, as where there is no such room (any longer).

local room_id, event, is_noted = ARGV[1], ARGV[2], ARGV[3] == '1'
if is_noted and redis.call('HEXISTS', TAG .. 'r:' .. room_id, 'place') == 1 then
  return tell(room_id, event)
end
publish(room_id, 0, event)
return 0
