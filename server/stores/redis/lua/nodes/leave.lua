-- A process ends in order, having told of all its connections. Argument: its id.
redis.call('HDEL', TAG .. 'urls', ARGV[1])
return redis.call('ZREM', TAG .. 'beats', ARGV[1])
