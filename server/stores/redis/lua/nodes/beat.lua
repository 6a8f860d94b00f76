-- One process says that it is there. Arguments: its id, where others reach it (or nothing),
-- an id for this Redis if it has none yet, how long a process may be silent (ms), and 1 if this
-- one may bury others: it has been there long enough to tell.
-- Answers {how long it was silent (ms), or -1 if it was not there, 1 if it is being buried, the id
-- of this Redis, then the processes that are to be buried: by others than themselves, unless nobody has done so for
-- long}.
local node, url, epoch, silence_ms = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local beats, buried = TAG .. 'beats', TAG .. 'buried'

redis.call('SET', TAG .. 'epoch', epoch, 'NX')
-- If Redis itself hung, all were silent, and this beat may have been waiting for as long.
local last_ms = tonumber(redis.call('ZSCORE', beats, node) or 0)
if ARGV[5] == '1' and now_ms - last_ms < silence_ms / 2 then
  local silent_since = '(' .. string.format('%.0f', now_ms - silence_ms)
  for _, silent in ipairs(redis.call('ZRANGEBYSCORE', beats, '-inf', silent_since)) do
    redis.call('ZREM', beats, silent)
    redis.call('HDEL', TAG .. 'urls', silent)
    redis.call('ZADD', buried, now_ms, silent)
  end
end
local silent_ms = last_ms > 0 and now_ms - last_ms or -1
local is_buried = redis.call('ZSCORE', buried, node) and 1 or 0
if is_buried == 0 then
  redis.call('ZADD', beats, now_ms, node)
  if url ~= '' then redis.call('HSET', TAG .. 'urls', node, url) end
end
redis.call('PUBLISH', 'hw:node:' .. node, 'beat')
local answer = {silent_ms, is_buried, redis.call('GET', TAG .. 'epoch')}
local dead = redis.call('ZRANGE', buried, 0, 9, 'WITHSCORES')
for number = 1, #dead, 2 do
  local is_overdue = now_ms - tonumber(dead[number + 1]) > 2 * silence_ms
  if dead[number] ~= node or is_overdue then answer[#answer + 1] = dead[number] end
end
return answer
