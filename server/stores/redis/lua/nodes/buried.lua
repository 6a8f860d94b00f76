-- All connections of a dead process were noted as lost; it may come back. Argument: its id.
return redis.call('ZREM', TAG .. 'buried', ARGV[1])
