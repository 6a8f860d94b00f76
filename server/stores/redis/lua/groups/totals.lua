-- What there is of all groups together.
--
-- Answers made, groups, members, users, and bytes held.

local known = redis.call('HMGET', BOOKS, 'made', 'members', 'users', 'bytes')
local function number(value) return tonumber(value or 0) end
return {
  number(known[1]), redis.call('ZCARD', GROUPS), number(known[2]), number(known[3]),
  number(known[4]),
}
