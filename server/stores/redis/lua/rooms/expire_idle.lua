-- Forget rooms whose idle limit is over, with all that is of them.
--
-- ARGV: now, how many to look at.
-- Answers when the next one may be due (0: none), then for each room its id and the event.

local now_ms = tonumber(ARGV[1])

local function forget_room(room)
  for _, connection_id in ipairs(redis.call('HKEYS', TAG .. 'a:' .. room.id)) do
    local here = attachment_of(room.id, connection_id)
    redis.call('SREM', TAG .. 'n:' .. here.node, connection_id .. NUL .. room.id)
  end
  book('members', -redis.call('ZCARD', TAG .. 'o:' .. room.id))
  book('bytes', -room.people_bytes - room.messages_bytes)
  book('rooms', -1)
  redis.call('ZREM', TAG .. 'all', room.id)
  local gone = {}
  for letter in ('ropmdatuhqzl'):gmatch('.') do
    gone[#gone + 1] = TAG .. letter .. ':' .. room.id
  end
  redis.call('UNLINK', unpack(gone))
end

local answer = { 0 }
for _, room_id in ipairs(redis.call('ZRANGEBYSCORE', TAG .. 'idle', '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
  local room = room_of(room_id)
  local due_ms = room and room.active_ms + room.idle_limit_ms
  if due_ms and due_ms > now_ms then
    redis.call('ZADD', TAG .. 'idle', due_ms, room_id)
  else
    redis.call('ZREM', TAG .. 'idle', room_id)
  end
  if due_ms and due_ms <= now_ms then
    local expired = room_expired(room.idle_limit_ms)
    tell(room_id, expired)
    forget_room(room)
    answer[#answer + 1] = room_id
    answer[#answer + 1] = expired
  end
end
answer[1] = tonumber(redis.call('ZRANGE', TAG .. 'idle', 0, 0, 'WITHSCORES')[2] or 0)
return answer
