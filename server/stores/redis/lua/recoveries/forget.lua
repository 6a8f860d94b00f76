-- Forget a line's session. Answers 1, or 0 if it is another line's now.
local key = TAG .. 'p:' .. ARGV[1]
local owner = redis.call('HGET', key, 'line')
if owner and owner ~= ARGV[2] then return 0 end
redis.call('DEL', key)
return 1
