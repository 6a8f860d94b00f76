-- The newest messages of a group, before one if it is given.
--
-- ARGV: group; user id; message id ('' for the end); how many.
-- Answers 1 if there are older ones, and the events (packed), the newest first.

return attempt(function()
  local reader = bare(ARGV[2])
  local group = group_of(ARGV[1], reader)
  local note
  if ARGV[3] ~= '' then
    note = find_note(group, ARGV[3])
    if not note or not may_read(note, reader) then stop('message_not_found') end
  end
  local found, has_more = read_back(group, note, reader, tonumber(ARGV[4]))
  return { has_more and 1 or 0, found }
end)
