-- Add to the block list of a user.
--
-- ARGV: user id; whom to block; when to forget the user.
-- Answers nothing.

return attempt(function()
  return with_user(ARGV[1], tonumber(ARGV[3]), function(user)
    block(user, bare(ARGV[2]))
    return redis.status_reply('OK')
  end)
end)
