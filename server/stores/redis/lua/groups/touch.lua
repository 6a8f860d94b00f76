-- Count as activity in a group.
--
-- ARGV: group; user id; the time.
-- Answers the user's name there.

return attempt(function()
  local member = find_member(ARGV[1], bare(ARGV[2]))
  if not member then stop('not_in_group') end
  touch({ id = ARGV[1] }, tonumber(ARGV[3]))
  return member.name
end)
