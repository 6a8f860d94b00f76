-- Forget a session.
return redis.call('DEL', TAG .. 'p:' .. ARGV[1])
