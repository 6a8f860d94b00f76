-- Groups in order of age.
--
-- ARGV: from which on; how many.
-- Answers how many there are in all, and of each: id, name, members, capacity, messages, bytes
-- held, when it was made, and when it was last active (packed).

local start = tonumber(ARGV[1])
local found = {}
for number, id in ipairs(redis.call('ZRANGE', GROUPS, start, start + tonumber(ARGV[2]) - 1)) do
  local group = find_group(id)
  found[number] = packed_array({
    pack(id), pack(group.name), pack(redis.call('HLEN', TAG .. 'm:' .. id)), pack(group.capacity),
    pack(redis.call('LLEN', TAG .. 'k:' .. id)), pack(group.bytes + group.said_bytes),
    pack(group.created_ms), pack(group.active_ms),
  })
end
return { redis.call('ZCARD', GROUPS), found }
