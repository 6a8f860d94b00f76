-- Let members leave whose grace is over.
--
-- ARGV: now, how many at most.
-- Answers when the next grace ends (0: none does), then for each event its room id and the event.

local now_ms = tonumber(ARGV[1])
local answer = { 0 }
local due = redis.call('ZRANGEBYSCORE', TAG .. 'lost', '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, name in ipairs(due) do
  redis.call('ZREM', TAG .. 'lost', name)
  local room_id, user_id = name:match('^(%Z*)%z(.*)$')
  local room = room_of(room_id)
  local person = room and person_of(room_id, user_id)
  if person and not is_live(person) then
    for _, event in ipairs({ leave_room(room, person, 'lost', now_ms) }) do
      answer[#answer + 1] = room_id
      answer[#answer + 1] = event
    end
  end
end
answer[1] = tonumber(redis.call('ZRANGE', TAG .. 'lost', 0, 0, 'WITHSCORES')[2] or 0)
return answer
