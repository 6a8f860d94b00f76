-- The members of a session: <tag>o:<room id> is a sorted set of their user ids (without the mark
-- of numeric ones) by order of joining, <tag>m:<room id> a hash of them, each packed as
-- events carry it.

-- How many arguments one call is given.
local AT_ONCE = 1000

-- The values of these fields of a hash; `prefix` stands before each.
local function values_of(key, fields, prefix)
  local values = {}
  for first = 1, #fields, AT_ONCE do
    local asked = {}
    for number = first, math.min(first + AT_ONCE - 1, #fields) do
      asked[#asked + 1] = (prefix or '') .. fields[number]
    end
    for _, value in ipairs(redis.call('HMGET', key, unpack(asked))) do
      values[#values + 1] = value
    end
  end
  return values
end

-- All members, as a packed array.
local function members_of(room_id)
  local user_ids = redis.call('ZRANGE', TAG .. 'o:' .. room_id, 0, -1)
  return packed_array(values_of(TAG .. 'm:' .. room_id, user_ids))
end
