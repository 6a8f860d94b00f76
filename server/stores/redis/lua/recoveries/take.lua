-- Take a session over to another line. Answers it, or nothing; the next asker gets nothing.
local name, line, taking_ms, now_ms = unpack(ARGV)
local key = TAG .. 'p:' .. name
local session, due_ms = unpack(redis.call('HMGET', key, 'session', 'until'))
if not session or tonumber(due_ms) <= tonumber(now_ms) then return false end
redis.call('HDEL', key, 'session')
-- The line that had it until now must see that it has it no longer.
redis.call('HSET', key, 'line', line, 'until', now_ms + taking_ms)
redis.call('PEXPIRE', key, taking_ms)
return session
