-- What a tag was granted, as it is known there.
--
-- ARGV: of what.
-- Answers of each: the grant, or what is held, if that is more; and the version of the grant.

local found = {}
for _, what in ipairs(ARGV) do
  local held, granted, version =
    unpack(redis.call('HMGET', TAG .. 'books', what, what .. '_granted', what .. '_version'))
  found[#found + 1] = math.max(tonumber(held or 0), tonumber(granted or 0))
  found[#found + 1] = tonumber(version or 0)
end
return found
