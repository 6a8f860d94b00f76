-- Keep a session, unless it is another line's now. Answers 1, or 0.
local name, line, session, kept_ms, now_ms = unpack(ARGV)
local key = TAG .. 'p:' .. name
local owner = redis.call('HGET', key, 'line')
if owner and owner ~= line then return 0 end
redis.call('HSET', key, 'line', line, 'session', session, 'until', now_ms + kept_ms)
redis.call('PEXPIRE', key, kept_ms)
return 1
