-- Which process has a connection of random groups. Needs attempt.lua.
--
-- There is, under <tag>:
--   o  hash: of each connection its process and its user

local OWNERS = TAG .. 'o'

local function owner_of(connection_id)
  local owner = redis.call('HGET', OWNERS, connection_id)
  if owner then return owner:match('^([^\n]*)\n(.*)$') end
end

-- End what is attempted for a connection ('' for none) that goes on in another process: what its
-- former line has sent is nobody's any more.
local function need_line(connection_id, here)
  local node = owner_of(connection_id)
  if node and node ~= here then stop('not_in_group') end
end
