-- Where others reach a process; nothing if it did not say, or is gone. Argument: its id.
return redis.call('HGET', TAG .. 'urls', ARGV[1])
