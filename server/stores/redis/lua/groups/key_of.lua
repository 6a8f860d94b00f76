-- The key that a user had last, unless it has blocked the asker.
--
-- ARGV: user id; who asks; 1 if both must be in one group.
-- Answers user id, name, public key, and when it was saved (packed), or nothing.

local user, asker = find_user(bare(ARGV[1])), bare(ARGV[2])
if not user or redis.call('SISMEMBER', TAG .. 'b:' .. user.id, asker) == 1 then return false end
if ARGV[3] == '1' then
  local is_met = user.room and redis.call('HEXISTS', TAG .. 'm:' .. user.room, asker) == 1
  if not is_met then return false end
end
local saved = saved_key(user)
if not saved then return false end
return packed_array({ pack(saved.written), pack(saved.name), saved.key, pack(saved.saved_ms) })
