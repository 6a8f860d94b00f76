-- Rooms of a shard in order of id.
--
-- ARGV: where to begin, as ZRANGEBYLEX takes it; how many at most.
-- Answers for each an array: id, members, messages, bytes, made, last active, locked, has a key.

local found = {}
for _, room_id in ipairs(redis.call('ZRANGEBYLEX', TAG .. 'all', ARGV[1], '+', 'LIMIT', 0, ARGV[2])) do
  local room = room_of(room_id)
  found[#found + 1] = {
    room_id, redis.call('ZCARD', TAG .. 'o:' .. room_id), redis.call('ZCARD', TAG .. 'q:' .. room_id),
    room.people_bytes + room.messages_bytes, room.created_ms, room.active_ms,
    room.locked and 1 or 0, room.key_hash ~= '' and 1 or 0,
  }
end
return found
