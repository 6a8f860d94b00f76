-- Which group may take a user: the fullest first. Needs group.lua and partings.lua.

-- Beyond the groups at which all look (LOOKS) so many more are looked at for who may not meet many.
local MORE_LOOKS = 1000

-- The groups that wait for members, one with each call: from the fullest on; of equals, the one
-- that has waited for longest.
local function waiting(except)
  local start, found, number = 0, nil, LOOKS
  local function next_one()
    if number == LOOKS then
      found = redis.call('ZRANGE', PLACES, start, start + LOOKS - 1)
      start, number = start + LOOKS, 0
    end
    number = number + 1
    return found[number]
  end
  return function()
    local id = next_one()
    if id and id == except then id = next_one() end
    return id
  end
end

local function shunned_sets(user)
  return { TAG .. 'b:' .. user.id, TAG .. 'B:' .. user.id }, TAG .. 'p:' .. user.id
end

-- How many people the user may not meet.
local function count_shunned(user, now_ms)
  local sets, parted = shunned_sets(user)
  if redis.call('EXISTS', parted, unpack(sets)) == 0 then return 0 end
  forget_partings(user, now_ms)
  local total = redis.call('ZCARD', parted)
  for _, key in ipairs(sets) do
    total = total + redis.call('SCARD', key)
  end
  return total
end

local function is_barred(user, id, now_ms)
  if redis.call('SISMEMBER', TAG .. 'x:' .. id, user.id) == 1 then return true end
  local until_ms = redis.call('ZSCORE', TAG .. 'a:' .. id, user.id)
  return until_ms and tonumber(until_ms) > now_ms
end

-- Whether nobody is there whom the user shuns, or who shuns the user.
local function may_meet(user, id)
  local members = redis.call('HKEYS', TAG .. 'm:' .. id)
  local sets, parted = shunned_sets(user)
  for _, key in ipairs(sets) do
    for _, is_there in ipairs(redis.call('SMISMEMBER', key, unpack(members))) do
      if is_there == 1 then return false end
    end
  end
  for _, until_ms in ipairs(redis.call('ZMSCORE', parted, unpack(members))) do
    if until_ms then return false end
  end
  return true
end

-- The groups in which the user may not meet somebody.
local function groups_to_avoid(user)
  local sets, parted = shunned_sets(user)
  local found = {}
  local function avoid(ids)
    for _, id in ipairs(ids) do
      local room = redis.call('HGET', TAG .. 'u:' .. id, 'room')
      if room then found[room] = true end
    end
  end
  for _, key in ipairs(sets) do
    avoid(redis.call('SMEMBERS', key))
  end
  avoid(redis.call('ZRANGE', parted, 0, -1))
  return found
end

-- The fullest group that may take the user, which is not its own.
local function find_place(user, now_ms)
  local shunned = count_shunned(user, now_ms)
  local next_one = waiting(user.room)
  local function look(looks)
    for _ = 1, looks do
      local id = next_one()
      if not id then return nil end
      if not is_barred(user, id, now_ms) and (shunned == 0 or may_meet(user, id)) then return id end
    end
    return nil
  end
  local id = look(LOOKS)
  if id then return id end
  if shunned >= redis.call('ZCARD', PLACES) or shunned > MORE_LOOKS then return look(MORE_LOOKS) end
  -- Fewer people than groups: rather look in which groups these are.
  local avoided = groups_to_avoid(user)
  id = next_one()
  while id and (avoided[id] or is_barred(user, id, now_ms)) do
    id = next_one()
  end
  return id
end
