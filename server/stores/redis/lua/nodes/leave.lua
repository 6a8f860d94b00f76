-- A process ends. Whatever it did not get to tell of is seen to by the others, at once, or by
-- the next that starts. Argument: its id.
redis.call('HDEL', TAG .. 'urls', ARGV[1])
local time = redis.call('TIME')
redis.call('ZADD', TAG .. 'buried', time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
return redis.call('ZREM', TAG .. 'beats', ARGV[1])
