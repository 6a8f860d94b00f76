-- Take from the block list of a user.
--
-- ARGV: user id; whom to unblock.
-- Answers nothing.

local user = find_user(bare(ARGV[1]))
if user then
  unblock(user, bare(ARGV[2]))
  settle(user)
end
return redis.status_reply('OK')
