-- Who is not to meet whom. Needs users.lua.
--
-- Of a user there are, under <tag>:
--   b:<id>  set: whom it has blocked; B:<id>, who has blocked it
--   p:<id>  whom it has left, or who has left it, by the time until when they are not to meet

-- Have a user not meet others until then; all are members of the same group.
local function part(user, others, until_ms)
  if #others == 0 then return end
  local key = TAG .. 'p:' .. user.id
  local known, own_bytes = redis.call('ZMSCORE', key, unpack(others)), shunned_bytes(user.id)
  local dates, parted, added_bytes = {}, { until_ms, user.id }, 0
  for number, other in ipairs(others) do
    if not known[number] then user.shunned_bytes = user.shunned_bytes + shunned_bytes(other) end
    dates[#dates + 1], dates[#dates + 2] = until_ms, other
    parted[#parted + 1], parted[#parted + 2] = until_ms, other
    if redis.call('ZADD', TAG .. 'p:' .. other, until_ms, user.id) == 1 then
      redis.call('HINCRBY', TAG .. 'u:' .. other, 'shunned_bytes', own_bytes)
      added_bytes = added_bytes + own_bytes
    end
  end
  redis.call('ZADD', key, unpack(dates))
  redis.call('ZADD', PARTED, 'LT', unpack(parted))
  book('bytes', added_bytes)
end

-- Forget which partings are over. Answers when the next one will be.
local function forget_partings(user, now_ms)
  local key = TAG .. 'p:' .. user.id
  local over = redis.call('ZRANGEBYSCORE', key, '-inf', now_ms)
  for _, id in ipairs(over) do
    user.shunned_bytes = user.shunned_bytes - shunned_bytes(id)
  end
  if #over > 0 then redis.call('ZREMRANGEBYSCORE', key, '-inf', now_ms) end
  return redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
end

local function can_block(user)
  return redis.call('SCARD', TAG .. 'b:' .. user.id) < MAX_BLOCKS
end

local function block(user, blocked)
  if user.id == blocked then stop('blocking_oneself') end
  if redis.call('SISMEMBER', TAG .. 'b:' .. user.id, blocked) == 1 then return end
  if not can_block(user) then stop('blocks_full') end
  need_space(shunned_bytes(blocked))
  redis.call('SADD', TAG .. 'b:' .. user.id, blocked)
  redis.call('SADD', TAG .. 'B:' .. blocked, user.id)
  user.shunned_bytes = user.shunned_bytes + shunned_bytes(blocked)
end

local function unblock(user, blocked)
  if redis.call('SREM', TAG .. 'b:' .. user.id, blocked) == 0 then return end
  redis.call('SREM', TAG .. 'B:' .. blocked, user.id)
  user.shunned_bytes = user.shunned_bytes - shunned_bytes(blocked)
end
