-- Note a connection of a user.
--
-- ARGV: the process; user id; connection id; when to forget the user; 1 if the process brings back
-- what it has: then a connection that goes on in another one stays there.
-- Answers the place of the user's group (0 for none), and what was told.

local here, user_id, connection_id = ARGV[1], ARGV[2], ARGV[3]
local is_brought = ARGV[5] == '1'
local owner = here .. '\n' .. bare(user_id)

return attempt(function()
  local known = redis.call('HGET', OWNERS, connection_id)
  if known and known ~= owner then
    if is_brought and owner_of(connection_id) ~= here then return { 0, told } end
    -- It was somebody else's, who leaves at once if it had no other; or of another process.
    lose(connection_id, 0)
    known = nil
  end
  return with_user(user_id, tonumber(ARGV[4]), function(user)
    if not known then
      redis.call('HSET', OWNERS, connection_id, owner)
      redis.call('SADD', TAG .. 'N:' .. here, connection_id)
      redis.call('ZADD', TAG .. 'n:' .. user.id, next_turn(), connection_id)
      user.connections = user.connections + 1
    end
    redis.call('ZREM', LOST, user.id)
    if not user.room then return { 0, told } end
    local group = find_group(user.room)
    attach(user, group, { { id = connection_id, node = here } }, here, nil)
    return { group.place, told }
  end)
end)
