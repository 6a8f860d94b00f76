-- Of some rooms, those that a connection is attached to.
--
-- ARGV: connection, node; the rooms.

local found = {}
for number = 3, #ARGV do
  local here = attachment_of(ARGV[number], ARGV[1])
  if here and here.node == ARGV[2] then found[#found + 1] = ARGV[number] end
end
return found
