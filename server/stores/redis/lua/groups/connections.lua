-- The connections of a process.
--
-- ARGV: the process.
-- Answers their ids.

return redis.call('SMEMBERS', TAG .. 'N:' .. ARGV[1])
