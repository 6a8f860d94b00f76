-- Leave a group, not to be back for a while.
--
-- ARGV: group; user id; the connection that asks ('' for none); the time; until when not to meet;
-- the process.
-- Answers what was told.

return attempt(function()
  need_line(ARGV[3], ARGV[6])
  local user_id = bare(ARGV[2])
  local group = group_of(ARGV[1], user_id)
  local user = find_user(user_id)
  leave_for_good(user, group, ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]))
  settle(user)
  return told
end)
