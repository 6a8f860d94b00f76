-- What is held under a tag, and how much of it may be: leases.py says where that comes from.
-- The hash <tag>books has of `what` (rooms, bytes): <what>, that is held; <what>_granted, the
-- most that may be; <what>_version, of the grant.

local BOOKS = TAG .. 'books'

-- A refusal, if there is no grant for so much more. leases.py reads it.
local function lacking(what, added)
  if added <= 0 then return nil end
  local held, granted, version =
    unpack(redis.call('HMGET', BOOKS, what, what .. '_granted', what .. '_version'))
  local needed = (tonumber(held or 0)) + added
  if needed <= tonumber(granted or 0) then return nil end
  return refuse(string.format('LEASE %s %.0f %s %s', what, needed, granted or 0, version or 0))
end

-- Hold so much more, or less.
local function book(what, added)
  if added ~= 0 then redis.call('HINCRBY', BOOKS, what, string.format('%.0f', added)) end
end
